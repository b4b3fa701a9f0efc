-- The ten busiest (hour, page) pairs.
SELECT printf('%s  %6d  %s', hour, count, path) FROM visits ORDER BY count DESC, hour, path LIMIT 10;
