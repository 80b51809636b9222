-- A shop in three tables and twenty views, one of each kind of work an engine has to set up.
CREATE TABLE customer (
    id BIGINT NOT NULL PRIMARY KEY,
    name VARCHAR,
    region VARCHAR,
    since DATE
);

CREATE TABLE product (
    id BIGINT NOT NULL PRIMARY KEY,
    title VARCHAR,
    category VARCHAR,
    price DECIMAL(10, 2)
);

CREATE TABLE sale (
    id BIGINT NOT NULL,
    customer BIGINT,
    product BIGINT,
    amount INTEGER,
    paid DECIMAL(12, 2),
    sold_at TIMESTAMP
) WITH ('append_only' = 'true');

CREATE LOCAL VIEW sale_wide AS
SELECT s.id, s.customer, s.amount, s.paid, s.sold_at, p.title, p.category, p.price
FROM sale AS s JOIN product AS p ON s.product = p.id;

CREATE VIEW big_sales AS SELECT id, customer, paid FROM sale WHERE paid > 1000;

CREATE VIEW sale_days AS SELECT id, CAST(sold_at AS DATE) AS sold_on, amount * 2 AS doubled FROM sale;

CREATE VIEW paid_by_category AS
SELECT category, COUNT(*) AS sales, SUM(paid) AS total FROM sale_wide GROUP BY category;

CREATE VIEW average_by_title AS SELECT title, AVG(paid) AS average FROM sale_wide GROUP BY title;

CREATE VIEW extremes_by_customer AS
SELECT customer, MIN(paid) AS least, MAX(paid) AS most FROM sale GROUP BY customer;

CREATE VIEW customer_sales AS
SELECT c.name, c.region, s.paid FROM customer AS c JOIN sale AS s ON s.customer = c.id;

CREATE VIEW customers_and_counts AS
SELECT c.id, c.name, t.sales
FROM customer AS c
LEFT JOIN (SELECT customer, COUNT(*) AS sales FROM sale GROUP BY customer) AS t ON t.customer = c.id;

CREATE VIEW idle_customers AS
SELECT c.id, c.name FROM customer AS c WHERE NOT EXISTS (SELECT 1 FROM sale AS s WHERE s.customer = c.id);

CREATE VIEW busy_customers AS SELECT id, name FROM customer WHERE id IN (SELECT customer FROM big_sales);

CREATE VIEW regions AS SELECT DISTINCT region FROM customer;

CREATE VIEW all_names AS SELECT name FROM customer UNION SELECT title AS name FROM product;

CREATE VIEW unsold AS SELECT id FROM product EXCEPT SELECT product AS id FROM sale;

CREATE VIEW best_of_customer AS
SELECT customer, id, paid
FROM (
    SELECT customer, id, paid, ROW_NUMBER() OVER (PARTITION BY customer ORDER BY paid DESC) AS place FROM sale
) AS ranked
WHERE place <= 3;

CREATE VIEW ten_largest AS SELECT id, paid FROM sale ORDER BY paid DESC LIMIT 10;

CREATE VIEW sales_per_hour AS
SELECT window_start, COUNT(*) AS sales
FROM TABLE(TUMBLE(TABLE sale, DESCRIPTOR(sold_at), INTERVAL '1' HOUR))
GROUP BY window_start;

CREATE VIEW paid_by_region AS
SELECT region, SUM(paid) AS total FROM customer_sales GROUP BY region HAVING COUNT(*) > 1;

CREATE VIEW price_classes AS
SELECT id, CASE WHEN price < 10 THEN 'low' WHEN price < 100 THEN 'middle' ELSE 'high' END AS class FROM product;

CREATE VIEW products_per_class AS SELECT class, COUNT(*) AS products FROM price_classes GROUP BY class;

CREATE VIEW above_average AS
SELECT id, price FROM product WHERE price > (SELECT AVG(price) FROM product);
