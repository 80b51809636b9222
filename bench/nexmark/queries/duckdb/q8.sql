-- New sellers: people who arrived and opened an auction within the same 10 seconds.
SELECT p.id, p.name, p.window_start AS starttime
FROM (
    SELECT id, name, time_bucket(INTERVAL '10' SECOND, date_time) AS window_start, time_bucket(INTERVAL '10' SECOND, date_time) + INTERVAL '10' SECOND AS window_end
    FROM person
    GROUP BY ALL
) AS p
JOIN (
    SELECT seller, time_bucket(INTERVAL '10' SECOND, date_time) AS window_start, time_bucket(INTERVAL '10' SECOND, date_time) + INTERVAL '10' SECOND AS window_end
    FROM auction
    GROUP BY ALL
) AS a
ON p.id = a.seller AND p.window_start = a.window_start AND p.window_end = a.window_end
