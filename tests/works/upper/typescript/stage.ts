export default (line: string): string => line.toUpperCase();
