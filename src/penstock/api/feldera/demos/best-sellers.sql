-- Best sellers
-- Orders come in, one hundred a second; each region's three best-selling products are kept up to date.
CREATE TABLE products (
    id INT NOT NULL PRIMARY KEY,
    name VARCHAR NOT NULL,
    price DECIMAL(10, 2) NOT NULL
) WITH ('materialized' = 'true', 'connectors' = '[{
    "name": "catalogue",
    "transport": {"name": "datagen", "config": {"plan": [{"limit": 20, "fields": {
        "name": {"strategy": "word"},
        "price": {"strategy": "uniform", "range": [1, 200]}
    }}]}}
}]');

CREATE TABLE orders (
    id BIGINT NOT NULL PRIMARY KEY,
    product INT NOT NULL,
    region VARCHAR NOT NULL,
    quantity INT NOT NULL
) WITH ('materialized' = 'true', 'connectors' = '[{
    "name": "shop",
    "transport": {"name": "datagen", "config": {"plan": [{"rate": 100, "fields": {
        "product": {"strategy": "zipf", "range": [0, 20]},
        "region": {"values": ["north", "south", "east", "west"]},
        "quantity": {"strategy": "uniform", "range": [1, 5]}
    }}]}}
}]');

CREATE VIEW sales AS
SELECT o.region, p.name, SUM(o.quantity) AS sold, SUM(o.quantity * p.price) AS revenue
FROM orders o JOIN products p ON o.product = p.id
GROUP BY o.region, p.name;

CREATE MATERIALIZED VIEW best_sellers AS
SELECT region, name, sold, revenue
FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY region ORDER BY sold DESC, name) AS place FROM sales)
WHERE place <= 3;
