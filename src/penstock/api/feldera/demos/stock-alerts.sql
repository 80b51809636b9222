-- Stock alerts
-- Goods go in and out of warehouses; the view holds what has run low at this moment, and a row leaves it when stock is back.
CREATE TABLE movements (
    id BIGINT NOT NULL PRIMARY KEY,
    warehouse INT NOT NULL,
    product INT NOT NULL,
    quantity INT NOT NULL
) WITH ('materialized' = 'true', 'connectors' = '[{
    "name": "scanner",
    "transport": {"name": "datagen", "config": {"plan": [{"rate": 200, "fields": {
        "warehouse": {"strategy": "uniform", "range": [1, 4]},
        "product": {"strategy": "uniform", "range": [1, 50]},
        "quantity": {"strategy": "uniform", "range": [-10, 11]}
    }}]}}
}]');

CREATE MATERIALIZED VIEW stock AS
SELECT warehouse, product, SUM(quantity) AS on_hand
FROM movements
GROUP BY warehouse, product;

CREATE MATERIALIZED VIEW run_low AS
SELECT warehouse, product, on_hand
FROM stock
WHERE on_hand < 5;
