-- The views of the demo in DuckDB's SQL, over its own reading of the same files: what every answer is compared with.

CREATE VIEW delay_by_carrier AS
SELECT carrier, name, count(*) AS flights, avg(dep_delay) AS departure_delay, avg(arr_delay) AS arrival_delay,
       max(arr_delay) AS worst
FROM flights JOIN airlines USING (carrier)
GROUP BY ALL;

CREATE VIEW delay_by_route AS
SELECT origin, dest, count(*) AS flights, count(DISTINCT carrier) AS carriers, avg(arr_delay) AS arrival_delay,
       min(air_time) AS shortest, max(air_time) AS longest
FROM flights
GROUP BY ALL;

CREATE VIEW delay_by_weather AS
WITH judged AS (
    SELECT f.dep_delay, w.origin IS NULL AS unknown, w.visib < 3 AS dim, w.precip > 0 AS wet, w.wind_speed >= 20 AS windy
    FROM flights AS f LEFT JOIN weather AS w ON w.origin = f.origin AND w.time_hour = f.time_hour
)
SELECT CASE WHEN unknown THEN NULL WHEN dim THEN 'fog or snow' WHEN wet THEN 'rain' WHEN windy THEN 'strong wind'
            ELSE 'fair' END AS sky,
       count(*) AS flights, count(*) FILTER (WHERE dep_delay IS NULL) AS cancelled, avg(dep_delay) AS departure_delay
FROM judged
GROUP BY ALL;

CREATE VIEW worst_airports AS
SELECT f.dest, a.name, count(arr_delay) AS flights, avg(arr_delay) AS arrival_delay
FROM flights AS f JOIN airports AS a ON f.dest = a.faa
GROUP BY ALL
HAVING count(arr_delay) >= 100
ORDER BY arrival_delay DESC, f.dest
LIMIT 10;

CREATE VIEW departures AS
SELECT time_bucket(INTERVAL 6 HOURS, time_hour, TIMESTAMP '1970-01-01') AS window_start, origin,
       count(*) AS scheduled, count(dep_time) AS departed
FROM flights
GROUP BY ALL;

CREATE VIEW aircraft_reuse AS
WITH legs AS (
    SELECT tailnum, time_hour - lag(time_hour) OVER (PARTITION BY tailnum ORDER BY time_hour, carrier, flight) AS pause
    FROM flights
    WHERE dep_time IS NOT NULL AND tailnum IS NOT NULL
)
SELECT manufacturer, model, count(DISTINCT tailnum) AS aircraft, count(*) AS departures,
       count(*) FILTER (WHERE pause < INTERVAL 24 HOURS) AS again_within_a_day
FROM legs JOIN planes USING (tailnum)
GROUP BY ALL;

CREATE VIEW cancelled_by_origin AS
SELECT origin, month, count(*) AS scheduled, count(*) FILTER (WHERE dep_time IS NULL) AS cancelled,
       100.0::DOUBLE * (count(*) - count(dep_time)) / count(*) AS share
FROM flights
GROUP BY ALL;
