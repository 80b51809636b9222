-- Average price of a category: the highest valid bid of each auction, averaged by category; retracts at two levels.
CREATE VIEW q4 AS
SELECT w.category, AVG(w.final) AS avg_final
FROM (
    SELECT a.id, a.category, MAX(b.price) AS final
    FROM auction AS a
    JOIN bid AS b ON a.id = b.auction
    WHERE b.date_time BETWEEN a.date_time AND a.expires
    GROUP BY a.id, a.category
) AS w
GROUP BY w.category;
