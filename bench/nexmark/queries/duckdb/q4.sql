-- Average price of a category: the highest valid bid of each auction, averaged by category; retracts at two levels.
-- AVG of a BIGINT truncates to BIGINT in Feldera and Flink, and is a DOUBLE in DuckDB: divide whole numbers instead.
SELECT w.category, CAST(SUM(w.final) // COUNT(*) AS BIGINT) AS avg_final
FROM (
    SELECT a.id, a.category, MAX(b.price) AS final
    FROM auction AS a
    JOIN bid AS b ON a.id = b.auction
    WHERE b.date_time BETWEEN a.date_time AND a.expires
    GROUP BY a.id, a.category
) AS w
GROUP BY w.category
