-- Reserved as well: another change takes this number.
-- breaking: no
SELECT 1;
