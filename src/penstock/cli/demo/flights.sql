-- Flights out of New York in 2013, and what people ask about them. Every view is kept up to date as flights come in.

CREATE TABLE flights (
    year INTEGER NOT NULL,
    month INTEGER NOT NULL,
    day INTEGER NOT NULL,
    dep_time INTEGER,
    sched_dep_time INTEGER NOT NULL,
    dep_delay INTEGER,
    arr_time INTEGER,
    sched_arr_time INTEGER NOT NULL,
    arr_delay INTEGER,
    carrier VARCHAR NOT NULL,
    flight INTEGER NOT NULL,
    tailnum VARCHAR,
    origin VARCHAR NOT NULL,
    dest VARCHAR NOT NULL,
    air_time INTEGER,
    distance INTEGER NOT NULL,
    hour INTEGER NOT NULL,
    minute INTEGER NOT NULL,
    time_hour TIMESTAMP NOT NULL,
    PRIMARY KEY (carrier, flight, time_hour)
) WITH ('materialized' = 'true');

CREATE TABLE weather (
    origin VARCHAR NOT NULL,
    year INTEGER NOT NULL,
    month INTEGER NOT NULL,
    day INTEGER NOT NULL,
    hour INTEGER NOT NULL,
    temp DOUBLE,
    dewp DOUBLE,
    humid DOUBLE,
    wind_dir INTEGER,
    wind_speed DOUBLE,
    wind_gust DOUBLE,
    precip DOUBLE,
    pressure DOUBLE,
    visib DOUBLE,
    time_hour TIMESTAMP NOT NULL,
    PRIMARY KEY (origin, time_hour)
) WITH ('materialized' = 'true');

CREATE TABLE planes (
    tailnum VARCHAR NOT NULL PRIMARY KEY,
    year INTEGER,
    type VARCHAR,
    manufacturer VARCHAR,
    model VARCHAR,
    engines INTEGER,
    seats INTEGER,
    speed INTEGER,
    engine VARCHAR
) WITH ('materialized' = 'true');

CREATE TABLE airlines (
    carrier VARCHAR NOT NULL PRIMARY KEY,
    name VARCHAR NOT NULL
) WITH ('materialized' = 'true');

CREATE TABLE airports (
    faa VARCHAR NOT NULL PRIMARY KEY,
    name VARCHAR NOT NULL,
    lat DOUBLE,
    lon DOUBLE,
    alt INTEGER,
    tz INTEGER,
    dst VARCHAR,
    tzone VARCHAR
) WITH ('materialized' = 'true');

-- Which airline keeps its passengers waiting?
CREATE MATERIALIZED VIEW delay_by_carrier AS
SELECT
    f.carrier,
    a.name,
    COUNT(*) AS flights,
    AVG(CAST(f.dep_delay AS DOUBLE)) AS departure_delay,
    AVG(CAST(f.arr_delay AS DOUBLE)) AS arrival_delay,
    MAX(f.arr_delay) AS worst
FROM flights AS f
JOIN airlines AS a ON a.carrier = f.carrier
GROUP BY f.carrier, a.name;

-- And on which route?
CREATE MATERIALIZED VIEW delay_by_route AS
SELECT
    origin,
    dest,
    COUNT(*) AS flights,
    COUNT(DISTINCT carrier) AS carriers,
    AVG(CAST(arr_delay AS DOUBLE)) AS arrival_delay,
    MIN(air_time) AS shortest,
    MAX(air_time) AS longest
FROM flights
GROUP BY origin, dest;

-- Does the weather of the hour matter? Hours without a report are kept, as NULL.
CREATE MATERIALIZED VIEW delay_by_weather AS
SELECT
    w.sky,
    COUNT(*) AS flights,
    COUNT(*) - COUNT(f.dep_delay) AS cancelled,
    AVG(CAST(f.dep_delay AS DOUBLE)) AS departure_delay
FROM flights AS f
LEFT JOIN (
    SELECT
        origin,
        time_hour,
        CASE
            WHEN visib < 3 THEN 'fog or snow'
            WHEN precip > 0 THEN 'rain'
            WHEN wind_speed >= 20 THEN 'strong wind'
            ELSE 'fair'
        END AS sky
    FROM weather
) AS w ON w.origin = f.origin AND w.time_hour = f.time_hour
GROUP BY w.sky;

-- The ten airports that are reached latest, of those reached often.
CREATE MATERIALIZED VIEW worst_airports AS
SELECT
    f.dest,
    a.name,
    COUNT(*) AS flights,
    AVG(CAST(f.arr_delay AS DOUBLE)) AS arrival_delay
FROM flights AS f
JOIN airports AS a ON a.faa = f.dest
WHERE f.arr_delay IS NOT NULL
GROUP BY f.dest, a.name
HAVING COUNT(*) >= 100
ORDER BY arrival_delay DESC, dest
LIMIT 10;

-- Departures in windows of six hours.
CREATE MATERIALIZED VIEW departures AS
SELECT
    window_start,
    origin,
    COUNT(*) AS scheduled,
    COUNT(dep_time) AS departed
FROM TABLE(TUMBLE(TABLE flights, DESCRIPTOR(time_hour), INTERVAL '6' HOURS))
GROUP BY window_start, origin;

-- How soon does an aircraft leave New York again?
CREATE LOCAL VIEW legs AS
SELECT
    tailnum,
    time_hour,
    LAG(time_hour) OVER (PARTITION BY tailnum ORDER BY time_hour, carrier, flight) AS before
FROM flights
WHERE tailnum IS NOT NULL AND dep_time IS NOT NULL;

CREATE MATERIALIZED VIEW aircraft_reuse AS
SELECT
    p.manufacturer,
    p.model,
    COUNT(DISTINCT l.tailnum) AS aircraft,
    COUNT(*) AS departures,
    COUNT(*) FILTER (WHERE l.time_hour < l.before + INTERVAL '24' HOURS) AS again_within_a_day
FROM legs AS l
JOIN planes AS p ON p.tailnum = l.tailnum
GROUP BY p.manufacturer, p.model;

-- Where are flights cancelled, and when?
CREATE MATERIALIZED VIEW cancelled_by_origin AS
SELECT
    origin,
    month,
    COUNT(*) AS scheduled,
    COUNT(*) - COUNT(dep_time) AS cancelled,
    100 * CAST(COUNT(*) - COUNT(dep_time) AS DOUBLE) / COUNT(*) AS share
FROM flights
GROUP BY origin, month;
