-- One row: a while in which the harness itself got no processor for more than a second, though it is less nice than the
-- stack: the whole machine stood still, and how long something took then accuses nobody. (Which the run as a whole does
-- not survive either: see the assumption fleet-kept-pace.)
CREATE VIEW standstills AS
SELECT at_ms - value - 1000 AS from_ms, at_ms AS until_ms
FROM samples
WHERE source = 'harness' AND metric = 'loop_delay_ms' AND value > 1000;
