// A function of one record. What it returns is the output; nothing, null or false drops the record.
(record) => {
  if (record.orders === 0) return null;
  const { name, city, orders, total } = record;
  return { name, city: city.toUpperCase(), mean: total / orders };
}
