-- Sessions: the bids of each bidder with no pause of 10 seconds between them.
-- DuckDB has no SESSION: a session begins with each bid that comes 10 seconds or more after the one before.
SELECT bidder, COUNT(*) AS bid_count, MIN(date_time) AS starttime, MAX(date_time) + INTERVAL '10' SECOND AS endtime
FROM (
    SELECT bidder, date_time, SUM(fresh) OVER (PARTITION BY bidder ORDER BY date_time) AS number
    FROM (
        SELECT bidder, date_time,
            CASE WHEN date_time < LAG(date_time) OVER (PARTITION BY bidder ORDER BY date_time) + INTERVAL '10' SECOND THEN 0 ELSE 1 END AS fresh
        FROM bid
    ) AS gaps
) AS numbered
GROUP BY bidder, number
