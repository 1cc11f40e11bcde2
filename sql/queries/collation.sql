-- In which order the database sorts text.

-- name: by_code_point() :value
-- Whether it is that of the code points, as in C and C.UTF-8, which every program knows; languages have others.
SELECT ARRAY(SELECT text FROM unnest(ARRAY['é', 'b', '_', 'a', 'aB', 'B', 'a_', 'A-B', 'AA']) AS word (text) ORDER BY text)
       = ARRAY['A-B', 'AA', 'B', '_', 'a', 'aB', 'a_', 'b', 'é'];
