export default (line) => line.toUpperCase();
