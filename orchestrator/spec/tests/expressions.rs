//! Expressions and queries: what is allowed, what type it has, what is refused.

use daybreak_spec::{
    AggregateFunction, BinaryOperator, ColumnType, Expr, Function, Span, Spanned, UnaryOperator, Value, check_query,
    infer_type, parse_expression,
};

fn span(text: &str) -> Span {
    Span { file: 0, line: 1, column: 1, length: u32::try_from(text.chars().count()).expect("short") }
}

fn tree(text: &str) -> Expr {
    match parse_expression(text, span(text)) {
        Ok(expression) => expression.tree,
        Err(problems) => panic!("{text}: {problems:?}"),
    }
}

fn column(name: &str) -> Option<ColumnType> {
    Some(match name {
        "flag" => ColumnType::Bool,
        "small" => ColumnType::I8,
        "whole" => ColumnType::I64,
        "single" => ColumnType::F32,
        "real" => ColumnType::F64,
        "word" => ColumnType::Str,
        "day" => ColumnType::Date,
        "at" => ColumnType::Datetime,
        "role__feature" => ColumnType::F64,
        _ => return None,
    })
}

fn type_of(text: &str) -> Result<Option<ColumnType>, Vec<String>> {
    infer_type(&tree(text), &column).map_err(|errors| errors.into_iter().map(|error| error.message).collect())
}

#[test]
fn operators_bind_as_in_sql() {
    let expected = Expr::Binary(
        BinaryOperator::Or,
        Box::new(Expr::Unary(UnaryOperator::Not, Box::new(Expr::Column("flag".into())))),
        Box::new(Expr::Binary(
            BinaryOperator::Greater,
            Box::new(Expr::Binary(
                BinaryOperator::Add,
                Box::new(Expr::Column("whole".into())),
                Box::new(Expr::Binary(
                    BinaryOperator::Multiply,
                    Box::new(Expr::Literal(Value::Int(2))),
                    Box::new(Expr::Column("small".into())),
                )),
            )),
            Box::new(Expr::Literal(Value::Float(1.5))),
        )),
    );
    assert_eq!(tree("NOT flag OR whole + 2 * small > 1.5"), expected);
}

#[test]
fn names_keep_their_case_and_roles_are_normalised() {
    assert_eq!(tree("Late"), Expr::Column("Late".into()));
    assert_eq!(tree("\"arr delay\""), Expr::Column("arr delay".into()));
    assert_eq!(tree("role.feature"), tree("role__feature"));
}

#[test]
fn sugar_becomes_the_plain_tree() {
    assert_eq!(tree("whole BETWEEN 1 AND 5"), tree("whole >= 1 AND whole <= 5"));
    assert_eq!(tree("whole NOT BETWEEN 1 AND 5"), tree("NOT (whole >= 1 AND whole <= 5)"));
    assert_eq!(tree("CASE word WHEN 'a' THEN 1 END"), tree("CASE WHEN word = 'a' THEN 1 END"));
    assert_eq!(tree("whole != 1"), tree("whole <> 1"));
    assert_eq!(tree("whole::f64"), tree("CAST(whole AS DOUBLE)"));
    assert_eq!(tree("((whole))"), tree("whole"));
}

#[test]
fn literals_and_lists_are_values() {
    let Expr::In { list, negated, .. } = tree("whole NOT IN (1, -2, 3)") else { panic!("a list") };
    assert_eq!((list, negated), (vec![Value::Int(1), Value::Int(-2), Value::Int(3)], true));
    assert_eq!(tree("DATE '1970-01-11'"), Expr::Literal(Value::Date(10)));
    assert_eq!(tree("TIMESTAMP '1970-01-01 00:00:01.5'"), Expr::Literal(Value::Instant(1_500_000)));
    assert_eq!(tree("TIMESTAMP '1970-01-01T01:00:00+01:00'"), Expr::Literal(Value::Instant(0)));
    assert_eq!(tree("EXTRACT(DOW FROM at)"), Expr::Call(Function::DayOfWeek, vec![Expr::Column("at".into())]));
}

#[test]
fn each_expression_has_its_type() {
    use ColumnType as C;
    let cases = [
        ("small", Some(C::I8)),
        ("single", Some(C::F32)),
        ("NULL", None),
        ("small + 1", Some(C::I64)),
        ("-small", Some(C::I64)),
        ("single * 2", Some(C::F64)),
        ("whole / 2", Some(C::F64)),
        ("whole % 2", Some(C::I64)),
        ("whole > real AND word = 'x' OR flag", Some(C::Bool)),
        ("day < DATE '2013-02-01'", Some(C::Bool)),
        ("at >= TIMESTAMP '2013-02-01'", Some(C::Bool)),
        ("word IS NOT NULL", Some(C::Bool)),
        ("whole IN (1, 2)", Some(C::Bool)),
        ("CASE WHEN flag THEN small ELSE whole END", Some(C::I64)),
        ("CASE WHEN flag THEN 'a' END", Some(C::Str)),
        ("COALESCE(small, 0)", Some(C::I64)),
        ("COALESCE(single, 0)", Some(C::F64)),
        ("LEAST(whole, real, NULL)", Some(C::F64)),
        ("ABS(small)", Some(C::I64)),
        ("FLOOR(whole)", Some(C::F64)),
        ("SQRT(real)", Some(C::F64)),
        ("LENGTH(UPPER(word))", Some(C::I64)),
        ("EXTRACT(HOUR FROM at)", Some(C::I32)),
        ("EXTRACT(YEAR FROM day)", Some(C::I32)),
        ("CAST(word AS i32)", Some(C::I32)),
        ("CAST(at AS date)", Some(C::Date)),
        ("CAST(flag AS BIGINT)", Some(C::I64)),
        ("role.feature > 0.5", Some(C::Bool)),
        ("NULL > 1", Some(C::Bool)),
    ];
    for (text, expected) in cases {
        assert_eq!(type_of(text), Ok(expected), "{text}");
    }
}

#[test]
fn each_type_error_says_what_does_not_fit() {
    let cases = [
        ("word > 15", "str > i64 compares nothing"),
        ("day = at", "date = datetime compares nothing"),
        ("flag > TRUE", "`>` does not order true/false"),
        ("word + 1", "`+` needs numbers, not str"),
        ("flag * 2", "`*` needs numbers, not bool"),
        ("at - at", "`-` needs numbers, not datetime"),
        ("-word", "`-` needs numbers, not str"),
        ("NOT whole", "the operand of NOT must be true/false, not i64"),
        ("whole AND flag", "an operand of AND must be true/false, not i64"),
        ("CASE WHEN whole THEN 1 END", "a condition of CASE must be true/false, not i64"),
        ("CASE WHEN flag THEN 1 ELSE 'a' END", "the values of CASE are i64 and str"),
        ("COALESCE(word, 0)", "the arguments of COALESCE are str and i64"),
        ("LEAST(flag, TRUE)", "LEAST does not order true/false"),
        ("LOWER(whole)", "LOWER needs str, not i64"),
        ("EXTRACT(HOUR FROM day)", "EXTRACT(HOUR ...) needs datetime, not date"),
        ("CAST(word AS bool)", "str cannot be cast to bool"),
        ("CAST(real AS str)", "f64 cannot be cast to str"),
        ("word IN ('a', 5)", "str cannot be in a list that holds i64"),
        ("missing > 1", "there is no column `missing`"),
    ];
    for (text, expected) in cases {
        let errors = type_of(text).expect_err(text);
        assert_eq!(errors[0], expected, "{text}");
    }
}

#[test]
fn all_type_errors_of_a_tree_are_found_and_none_twice() {
    let errors = type_of("(missing + word) * 2 > 3 AND whole").expect_err("three errors");
    assert_eq!(
        errors,
        ["there is no column `missing`", "`+` needs numbers, not str", "an operand of AND must be true/false, not i64"]
    );
}

#[test]
fn a_type_error_is_shown_at_its_column() {
    let text = "flag AND role.feature > 1 AND word > 15";
    let expression = parse_expression(text, span(text)).expect("sound");
    let problems = Spanned::new(expression, Span { column: 20, ..span(text) }).infer(&column).expect_err("a problem");
    assert_eq!(problems.len(), 1);
    assert_eq!((problems[0].span.column, problems[0].span.length), (50, 4));
    let text = "flag AND nowhere.feature > 1";
    let expression = parse_expression(text, span(text)).expect("sound");
    let problems = Spanned::new(expression, span(text)).infer(&column).expect_err("a problem");
    assert_eq!((problems[0].span.column, problems[0].span.length), (10, 15));
}

#[test]
fn aggregates_have_types_and_refuse_text() {
    use AggregateFunction as F;
    assert_eq!(F::Sum.result_type(ColumnType::Bool), Ok(ColumnType::I64));
    assert_eq!(F::Sum.result_type(ColumnType::F32), Ok(ColumnType::F64));
    assert_eq!(F::Mean.result_type(ColumnType::Bool), Ok(ColumnType::F64));
    assert_eq!(F::Min.result_type(ColumnType::Str), Ok(ColumnType::Str));
    assert_eq!(F::CountDistinct.result_type(ColumnType::Str), Ok(ColumnType::I64));
    let error = F::Mean.result_type(ColumnType::Str).expect_err("mean of text");
    assert_eq!(error.message, "mean needs numbers or true/false, not str");
    assert!(F::Percentile(90).result_type(ColumnType::Datetime).is_err());
}

#[test]
fn queries_name_the_sources_they_read() {
    let cases: [(&str, &[&str]); 10] = [
        ("SELECT tailnum, seats, 2013 - year_built AS age FROM planes", &["planes"]),
        ("SELECT * FROM a JOIN b USING (k) LEFT JOIN c ON b.x = c.x", &["a", "b", "c"]),
        ("WITH n AS (SELECT * FROM a), m AS (SELECT * FROM n) SELECT * FROM m", &["a"]),
        ("SELECT k, COUNT(*) AS n FROM a GROUP BY k HAVING COUNT(*) > 1 ORDER BY k", &["a"]),
        ("SELECT k FROM a UNION ALL SELECT k FROM b EXCEPT SELECT k FROM c", &["a", "b", "c"]),
        ("SELECT x.k FROM (SELECT k FROM a) AS x WHERE x.k IN (SELECT k FROM b)", &["a", "b"]),
        ("SELECT k, ROW_NUMBER() OVER (PARTITION BY k ORDER BY v) AS n FROM a QUALIFY n = 1", &["a"]),
        ("SELECT DISTINCT k, SUBSTR(v, 1, 2) AS p, CAST(x AS DOUBLE) AS y FROM a WHERE v LIKE 'x%';", &["a"]),
        ("(SELECT k FROM a)", &["a"]),
        ("SELECT CASE WHEN EXISTS (SELECT 1 FROM b) THEN 1 ELSE 0 END AS e, INTERVAL '1 day' AS i FROM a", &["b", "a"]),
    ];
    for (sql, expected) in cases {
        let found = check_query(sql, span(sql)).unwrap_or_else(|problems| panic!("{sql}: {problems:?}"));
        let mut names: Vec<&str> = found.iter().map(daybreak_spec::Name::as_str).collect();
        let mut expected = expected.to_vec();
        names.sort_unstable();
        expected.sort_unstable();
        assert_eq!(names, expected, "{sql}");
    }
}

#[test]
fn whatever_could_escape_the_sources_is_refused() {
    let cases = [
        "SELECT * FROM read_parquet('x.parquet')",
        "SELECT * FROM READ_CSV('x.csv') AS t",
        "SELECT * FROM 'x.parquet'",
        "SELECT * FROM \"/etc/passwd\"",
        "SELECT * FROM a, LATERAL (SELECT * FROM b) AS x",
        "SELECT * FROM UNNEST([1, 2])",
        "SELECT * FROM TABLE(f(1))",
        "SELECT * FROM a WHERE x IN (SELECT y FROM read_ipc('z'))",
        "SELECT (SELECT MAX(x) FROM read_json('z')) FROM a",
        "SELECT * FROM a JOIN read_parquet('x') AS b ON a.k = b.k",
        "SELECT * FROM a JOIN b ON a.k = (SELECT k FROM read_parquet('x'))",
        "WITH n AS (SELECT * FROM read_parquet('x')) SELECT 1 FROM a",
        "SELECT k FROM a UNION SELECT k FROM read_parquet('x')",
        "SELECT k, ROW_NUMBER() OVER (ORDER BY (SELECT 1 FROM read_parquet('x'))) FROM a",
        "SELECT k FROM a ORDER BY (SELECT 1 FROM read_parquet('x'))",
        "SELECT k FROM a GROUP BY (SELECT 1 FROM read_parquet('x'))",
        "SELECT k FROM a HAVING (SELECT 1 FROM read_parquet('x')) > 0",
        "SELECT SUM(x) FILTER (WHERE y > 0) FROM a",
        "SELECT * INTO b FROM a",
        "SELECT k FROM a LIMIT 5",
        "SELECT k FROM a FETCH FIRST 5 ROWS ONLY",
        "SELECT DISTINCT ON (k) k FROM a",
        "SELECT TOP 5 k FROM a",
        "SELECT k FROM a FOR UPDATE",
        "SELECT COLUMNS('.*') FROM a",
        "SELECT random() FROM a",
        "SELECT now() FROM a",
        "SELECT CURRENT_TIMESTAMP FROM a",
        "SELECT x'41' FROM a",
        "SELECT $1 FROM a",
        "SELECT k FROM s.a",
        "FROM a SELECT k",
        "TABLE a",
        "VALUES (1)",
        "CREATE TABLE x AS SELECT k FROM a",
        "DELETE FROM a",
        "TRUNCATE a",
        "EXPLAIN SELECT k FROM a",
        "SELECT k FROM a; SELECT k FROM b",
        "SELECT k FROM a |> LIMIT 5",
        "SELECT k FROM a AS t(x)",
        "SELECT k FROM a PIVOT (SUM(x) FOR y IN ('p'))",
        "SELECT 1",
        "",
        "-- nothing",
    ];
    for sql in cases {
        let problems = check_query(sql, span(sql)).expect_err(sql);
        assert!(!problems.is_empty(), "{sql}");
    }
}

#[test]
fn long_texts_are_refused_before_they_cost_anything() {
    let deep = format!("{}1{}", "(".repeat(5_000), ")".repeat(5_000));
    assert!(parse_expression(&deep, span("x")).is_err());
    assert!(check_query(&format!("SELECT {deep} FROM a"), span("x")).is_err());
    let long = vec!["x"; 5_000].join(" + ");
    assert!(parse_expression(&long, span("x")).is_err());
    assert!(check_query(&format!("SELECT {long} FROM a"), span("x")).is_err());
    let many = format!("SELECT {} FROM a", vec!["x + 1"; 600].join(", "));
    assert!(check_query(&many, span("x")).is_ok());
}
