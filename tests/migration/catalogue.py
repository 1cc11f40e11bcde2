"""A database described from Postgres's own catalogue, so that two can be compared."""

from __future__ import annotations

import asyncpg

#: Kind of thing → a query of one text column. Only the schema ``public``.
_QUESTIONS = {
    "tables": """
        SELECT format('%s %s kind=%s persistence=%s options=%s rls=%s', c.relname, coalesce(am.amname, '-'), c.relkind,
                      c.relpersistence, coalesce(array_to_string(ARRAY(SELECT unnest(c.reloptions) ORDER BY 1), ' '), '-'),
                      c.relrowsecurity)
        FROM pg_class c LEFT JOIN pg_am am ON am.oid = c.relam
        WHERE c.relnamespace = 'public'::regnamespace AND c.relkind NOT IN ('i', 'I')""",
    "columns": """
        SELECT format('%s %s %s %s notnull=%s default=%s identity=%s generated=%s storage=%s collation=%s', c.relname,
                      a.attnum, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull,
                      coalesce(pg_get_expr(d.adbin, d.adrelid), '-'), a.attidentity, a.attgenerated, a.attstorage,
                      a.attcollation::regcollation)
        FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
        LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
        WHERE c.relnamespace = 'public'::regnamespace AND c.relkind NOT IN ('i', 'I') AND a.attnum > 0
          AND NOT a.attisdropped""",
    "constraints": """
        SELECT format('%s on %s %s validated=%s', conname, coalesce(conrelid::regclass::text, contypid::regtype::text),
                      pg_get_constraintdef(oid), convalidated)
        FROM pg_constraint WHERE connamespace = 'public'::regnamespace""",
    "indexes": """
        SELECT format('%s valid=%s cluster=%s', pg_get_indexdef(i.indexrelid), i.indisvalid, i.indisclustered)
        FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid WHERE c.relnamespace = 'public'::regnamespace""",
    "enums": """
        SELECT format('%s (%s)', t.typname, string_agg(e.enumlabel, ', ' ORDER BY e.enumsortorder))
        FROM pg_enum e JOIN pg_type t ON t.oid = e.enumtypid
        WHERE t.typnamespace = 'public'::regnamespace GROUP BY t.typname""",
    "types": """
        SELECT format('%s kind=%s default=%s', t.typname, t.typtype, coalesce(t.typdefault, '-'))
        FROM pg_type t WHERE t.typnamespace = 'public'::regnamespace""",
    "sequences": """
        SELECT format('%s %s start=%s by=%s %s..%s cache=%s cycle=%s owner=%s', c.relname, s.seqtypid::regtype, s.seqstart,
                      s.seqincrement, s.seqmin, s.seqmax, s.seqcache, s.seqcycle,
                      coalesce((SELECT format('%s.%s %s', d.refobjid::regclass, a.attname, d.deptype)
                                FROM pg_depend d
                                JOIN pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
                                WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype IN ('a', 'i')),
                               '-'))
        FROM pg_sequence s JOIN pg_class c ON c.oid = s.seqrelid WHERE c.relnamespace = 'public'::regnamespace""",
    "functions": """
        SELECT pg_get_functiondef(p.oid) FROM pg_proc p
        WHERE p.pronamespace = 'public'::regnamespace AND p.prokind IN ('f', 'p')""",
    "triggers": """
        SELECT pg_get_triggerdef(t.oid) FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
        WHERE c.relnamespace = 'public'::regnamespace AND NOT t.tgisinternal""",
    "views": """
        SELECT format('%s: %s', c.relname, pg_get_viewdef(c.oid)) FROM pg_class c
        WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('v', 'm')""",
    "partitions": """
        SELECT format('%s of %s %s', i.inhrelid::regclass, i.inhparent::regclass,
                      coalesce(pg_get_expr(c.relpartbound, c.oid), '-'))
        FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid WHERE c.relnamespace = 'public'::regnamespace
        UNION ALL
        SELECT format('%s by %s', p.partrelid::regclass, pg_get_partkeydef(p.partrelid)) FROM pg_partitioned_table p""",
    "statistics": """
        SELECT pg_get_statisticsobjdef(oid) FROM pg_statistic_ext WHERE stxnamespace = 'public'::regnamespace""",
    "extensions": "SELECT format('%s in %s', extname, extnamespace::regnamespace) FROM pg_extension",
    "policies": "SELECT format('%s on %s', polname, polrelid::regclass) FROM pg_policy",
    "comments": """
        SELECT format('%s %s: %s', objoid::regclass, objsubid, description) FROM pg_description
        WHERE classoid = 'pg_class'::regclass AND objoid >= 16384""",
}


async def describe(url: str) -> dict[str, list[str]]:
    """Return what a database consists of, in words that are equal if and only if the schemas are."""
    connection = await asyncpg.connect(url)
    try:
        return await description(connection)
    finally:
        await connection.close()


async def description(connection: asyncpg.Connection[asyncpg.Record]) -> dict[str, list[str]]:
    """Return the same as one connection sees it."""
    return {kind: sorted(row[0] for row in await connection.fetch(question)) for kind, question in _QUESTIONS.items()}


def differences(one: dict[str, list[str]], other: dict[str, list[str]]) -> list[str]:
    """Return what only one of two databases has."""
    return [
        f"{sign} {kind}: {thing}"
        for kind in _QUESTIONS
        for sign, mine, theirs in (("-", one, other), ("+", other, one))
        for thing in mine[kind]
        if mine[kind].count(thing) > theirs[kind].count(thing)
    ]
