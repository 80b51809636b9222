-- Bounded side input: each bid with a label from a table of 10,000 rows that is there from the beginning.
SELECT b.auction, b.bidder, b.price, b.date_time, s.label
FROM bid AS b
JOIN side_input AS s ON MOD(b.auction, 10000) = s.id
