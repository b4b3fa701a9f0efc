-- Orders and euros by country.
SELECT printf('%s  %3d  %9.2f', country, count(*), sum(amount_base)) FROM orders GROUP BY country ORDER BY country;
