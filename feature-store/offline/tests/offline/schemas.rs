//! What files may hold, what is refused, and that a project's declarations are checked against them with their places.

use std::collections::BTreeMap;

use crate::support::{Fixture, at, instants, name, rows_of, text, texts};
use daybreak_offline::{LabelKind, SchemaProblem, SourceSchema, check_source, model_schema, read_schema, view_schema};
use daybreak_spec::{ColumnType, Problem, Value};
use polars::prelude::*;

const ONE: &str = "sources: { rows: { path: 'rows*.parquet', event_time: at } }\n";

fn schema_of(fixture: &Fixture) -> Result<SourceSchema, Vec<SchemaProblem>> {
    let loaded = daybreak_spec::load(fixture.path()).unwrap();
    assert!(loaded.problems.is_empty(), "{:#?}", loaded.problems);
    read_schema(fixture.path(), &[], &loaded.project.sources[&name("rows")])
}

fn only(fixture: &Fixture) -> SchemaProblem {
    let mut problems = schema_of(fixture).unwrap_err();
    assert_eq!(problems.len(), 1, "{problems:?}");
    problems.remove(0)
}

fn cast(column: Column, data_type: &DataType) -> Column {
    column.strict_cast(data_type).unwrap()
}

fn zoned(name: &str, unit: TimeUnit, zone: Option<&'static str>) -> Column {
    let micros = at("2026-01-01T10:00:00Z").micros;
    let value = match unit {
        TimeUnit::Milliseconds => micros / 1_000,
        TimeUnit::Microseconds => micros,
        TimeUnit::Nanoseconds => micros * 1_000 + 999,
    };
    let zone = TimeZone::opt_try_new(zone).unwrap();
    cast(Column::new(name.into(), [Some(value), None]), &DataType::Datetime(unit, zone))
}

#[test]
fn every_type_is_read_as_one_of_ours() {
    let numbers = |name: &str, data_type: DataType| cast(Column::new(name.into(), [Some(7_i64), None]), &data_type);
    let categories = DataType::from_categories(Categories::global());
    let kinds = [
        ("i8", DataType::Int8, ColumnType::I8),
        ("i16", DataType::Int16, ColumnType::I16),
        ("i32", DataType::Int32, ColumnType::I32),
        ("i64", DataType::Int64, ColumnType::I64),
        ("u8", DataType::UInt8, ColumnType::U8),
        ("u16", DataType::UInt16, ColumnType::U16),
        ("u32", DataType::UInt32, ColumnType::U32),
        ("u64", DataType::UInt64, ColumnType::U64),
        ("f32", DataType::Float32, ColumnType::F32),
        ("f64", DataType::Float64, ColumnType::F64),
        ("decimal", DataType::Decimal(10, 2), ColumnType::F64),
    ];
    let mut columns: Vec<Column> = kinds.iter().map(|(name, data_type, _)| numbers(name, data_type.clone())).collect();
    columns.push(Column::new("flag".into(), [Some(true), None]));
    columns.push(texts("text", &[Some("x"), None]));
    columns.push(cast(texts("category", &[Some("c"), None]), &categories));
    columns.push(cast(Column::new("day".into(), [Some(20_454_i32), None]), &DataType::Date));
    columns.push(zoned("naive_ms", TimeUnit::Milliseconds, None));
    columns.push(zoned("zoned_us", TimeUnit::Microseconds, Some("America/New_York")));
    columns.push(zoned("zoned_ns", TimeUnit::Nanoseconds, Some("+02:00")));
    columns.push(Column::full_null("nothing".into(), 2, &DataType::Null));
    let names: Vec<String> = columns.iter().map(|column| column.name().to_string()).collect();
    columns.push(instants("at", &[Some("2026-01-01T00:00:00Z"); 2]));
    columns.push(texts("key", &[Some("full"), Some("null")]));
    let view = format!(
        "{ONE}entities: {{ e: {{ keys: [key] }} }}\nfeature_views: {{ all: {{ entity: e, source: rows, latest: [{}] }} }}",
        names.join(", ")
    );
    let fixture = Fixture::new(&view);
    fixture.parquet("rows.parquet", columns);

    let schema = schema_of(&fixture).unwrap();
    for (name, _, expected) in kinds {
        assert_eq!(schema.columns[name], expected, "{name}");
    }
    let offline = fixture.offline();
    let builds = offline.build(&name("all"), &[at("2026-01-02T00:00:00Z")]).unwrap();
    let rows = rows_of(&offline, &builds[0]);
    let instant = Value::Instant(at("2026-01-01T10:00:00Z").micros);
    let mut expected = vec![Value::Int(7); 8];
    expected.extend(vec![Value::Float(7.0); 3]);
    expected.extend([Value::Bool(true), text("x"), text("c"), Value::Date(20_454)]);
    expected.extend([instant.clone(), instant.clone(), instant, Value::Null]);
    assert_eq!(rows[0].values, expected);
    assert_eq!(rows[1].values, vec![Value::Null; expected.len()]);
}

#[test]
fn a_time_range_is_cut_in_any_unit_and_zone() {
    for unit in [TimeUnit::Milliseconds, TimeUnit::Microseconds, TimeUnit::Nanoseconds] {
        for zone in [None, Some("UTC"), Some("Europe/Berlin")] {
            let fixture = Fixture::new(&format!(
                "{ONE}feature_views: {{ count: {{ source: rows, aggregates: [{{ of: x, fn: count, windows: [1h] }}] }} }}"
            ));
            fixture.parquet("rows.parquet", vec![zoned("at", unit, zone), Column::new("x".into(), [1, 2])]);
            let offline = fixture.offline();
            let times = ["10:00:00Z", "10:00:00.000001Z", "11:00:00Z", "11:00:00.000001Z"];
            let times: Vec<_> = times.iter().map(|time| at(&format!("2026-01-01T{time}"))).collect();
            let builds = offline.build(&name("count"), &times).unwrap();
            let counts: Vec<Value> = builds.iter().map(|build| rows_of(&offline, build)[0].values[0].clone()).collect();
            assert_eq!(counts, [0, 1, 1, 0].map(Value::Int), "{unit:?} {zone:?}");
        }
    }
}

#[test]
fn a_differing_file_is_named_with_its_column_and_both_types() {
    let fixture = Fixture::new(ONE);
    let times = || instants("at", &[Some("2026-01-01T00:00:00Z")]);
    fixture.parquet("rows-1.parquet", vec![times(), Column::new("x".into(), [1_i32])]);
    fixture.parquet("rows-2.parquet", vec![times(), texts("x", &[Some("1")])]);
    let problem = only(&fixture);
    assert_eq!(problem.code, "schema_differs");
    assert_eq!(problem.message, "column `x` is i32 in file rows-1.parquet but str in file rows-2.parquet");

    fixture.parquet("rows-2.parquet", vec![times()]);
    assert_eq!(only(&fixture).message, "file rows-2.parquet has no column `x`, which is i32 in file rows-1.parquet");

    fixture.parquet("rows-2.parquet", vec![times(), Column::full_null("x".into(), 1, &DataType::Null)]);
    assert_eq!(
        schema_of(&fixture).unwrap().columns["x"],
        ColumnType::I32,
        "a column without any value takes the other's type"
    );
}

#[test]
fn a_file_that_is_no_parquet_is_named() {
    let fixture = Fixture::new(ONE);
    for content in ["", "PAR1", "PAR1 and then nothing that is a footer \u{1}\u{2}\u{3}\u{4}PAR1"] {
        std::fs::write(fixture.path().join("rows.parquet"), content).unwrap();
        let problem = only(&fixture);
        assert_eq!(problem.code, "corrupt_file", "{problem:?}");
        assert!(problem.message.contains("rows.parquet"));
    }
}

#[test]
fn a_file_cut_short_or_with_broken_pages_is_an_error_and_no_panic() {
    let fixture = Fixture::new(&format!(
        "{ONE}feature_views: {{ count: {{ source: rows, aggregates: [{{ of: x, fn: [count, mean], windows: [1d] }}] }} }}"
    ));
    let times: Vec<i64> = (0..5_000).map(|row| at("2026-01-01T00:00:00Z").micros + row * 1_000_000).collect();
    let times = cast(Column::new("at".into(), times), &DataType::Datetime(TimeUnit::Microseconds, None));
    fixture.parquet("rows.parquet", vec![times, Column::new("x".into(), (0..5_000_i32).collect::<Vec<_>>())]);
    let path = fixture.path().join("rows.parquet");
    let mut bytes = std::fs::read(&path).unwrap();
    let length = bytes.len();
    for byte in &mut bytes[10..length / 2] {
        *byte = byte.wrapping_mul(31).wrapping_add(7);
    }
    std::fs::write(&path, &bytes).unwrap();
    let error = fixture.offline().build(&name("count"), &[at("2026-01-02T00:00:00Z")]).unwrap_err();
    assert!(error.to_string().contains("rows"), "{error}");
    std::fs::write(&path, &bytes[length / 3..]).unwrap();
    assert!(fixture.offline().build(&name("count"), &[at("2026-01-02T00:00:00Z")]).is_err());
}

#[test]
fn an_unsupported_type_is_refused_unless_schema_leaves_it_out() {
    let fixture = Fixture::new(ONE);
    let lists = Series::new("tags".into(), [Series::new("".into(), [1, 2])]);
    fixture.parquet("rows.parquet", vec![instants("at", &[Some("2026-01-01T00:00:00Z")]), Column::from(lists)]);
    let problem = only(&fixture);
    assert_eq!(problem.code, "unsupported_type");
    assert_eq!(problem.message, "column `tags` of file rows.parquet holds lists, which Daybreak does not read");
    fixture.yaml("sources: { rows: { path: rows.parquet, event_time: at, schema: { at: datetime } } }");
    assert_eq!(schema_of(&fixture).unwrap().columns.len(), 1);
}

#[test]
fn declared_columns_stand_in_for_absent_files_and_are_compared_with_present_ones() {
    let fixture =
        Fixture::new("sources: { rows: { path: rows.parquet, event_time: at, schema: { at: datetime, x: i64 } } }");
    assert_eq!(schema_of(&fixture).unwrap().columns["x"], ColumnType::I64);
    fixture.parquet("rows.parquet", vec![instants("at", &[None]), Column::new("x".into(), [1_i32])]);
    assert_eq!(only(&fixture).message, "column `x` is i32 in file rows.parquet, but `schema:` declares i64");
    let without = Fixture::new(ONE);
    assert_eq!(only(&without).code, "no_files");
}

const PROJECT: &str = "
sources:
  trips: { path: trips.parquet, event_time: at, known_at: { delay: landed_at, landed_at: landed_at } }
  lines: { path: lines.parquet }
entities: { line: { keys: [line] }, numbered: { keys: [number] }, ratio: { keys: [weight] } }
";

fn project(rest: &str) -> Fixture {
    let fixture = Fixture::new(&format!("{PROJECT}{rest}"));
    fixture.parquet(
        "trips.parquet",
        vec![
            instants("at", &[None]),
            instants("landed_at", &[None]),
            texts("line", &[None]),
            texts("number", &[None]),
            Column::new("delay".into(), [1_i32]),
            Column::new("weight".into(), [1.5]),
        ],
    );
    fixture.parquet("lines.parquet", vec![texts("line", &[None]), Column::new("number".into(), [1_i64])]);
    fixture
}

fn resolve(
    fixture: &Fixture,
    check: impl Fn(&daybreak_spec::Loaded, &BTreeMap<daybreak_spec::Name, SourceSchema>) -> Vec<Problem>,
) -> Vec<(String, String)> {
    let loaded = daybreak_spec::load(fixture.path()).unwrap();
    assert!(loaded.problems.is_empty(), "{:#?}", loaded.problems);
    let sources = loaded.project.sources.iter();
    let sources =
        sources.map(|(name, source)| (name.clone(), read_schema(fixture.path(), &[], source).unwrap())).collect();
    let problems = check(&loaded, &sources);
    let shown = |problem: &Problem| {
        let line = loaded.files.text(problem.span.file).lines().nth(problem.span.line as usize - 1).unwrap();
        let word: String =
            line.chars().skip(problem.span.column as usize - 1).take(problem.span.length as usize).collect();
        (problem.code.to_owned(), word)
    };
    problems.iter().map(shown).collect()
}

fn view_problems(view: &str) -> Vec<(String, String)> {
    let fixture = project(&format!("feature_views: {{ v: {view} }}"));
    resolve(&fixture, |loaded, sources| view_schema(&loaded.project, &name("v"), sources).err().unwrap_or_default())
}

fn is(code: &str, place: &str) -> (String, String) {
    (code.to_owned(), place.to_owned())
}

#[test]
fn unknown_columns_and_wrong_types_are_shown_where_they_stand() {
    let aggregates = |items: &str| view_problems(&format!("{{ entity: line, source: trips, aggregates: [{items}] }}"));
    assert_eq!(aggregates("{ of: delay, fn: mean, windows: [1d] }"), []);
    assert_eq!(aggregates("{ of: delai, fn: mean, windows: [1d] }"), [is("unknown_column", "delai")]);
    assert_eq!(aggregates("{ of: line, fn: mean, windows: [1d] }"), [is("type_mismatch", "mean")]);
    let wrong = aggregates("{ of: 'line > 3', as: x, fn: mean, windows: [1d] }");
    assert_eq!(wrong.iter().map(|(code, _)| code.as_str()).collect::<Vec<_>>(), ["type_mismatch"]);
    assert_eq!(view_problems("{ entity: line, source: trips, latest: [delay, wait] }"), [is("unknown_column", "wait")]);
}

#[test]
fn a_source_without_event_time_cannot_be_aggregated_and_a_key_must_be_there_and_no_float() {
    let static_source = view_problems("{ entity: line, source: lines, latest: [number] }");
    assert_eq!(static_source, [is("no_event_time", "lines")]);
    let float = view_problems("{ entity: ratio, source: trips, latest: [delay] }");
    assert_eq!(float, [is("bad_key_type", "ratio")]);
    let missing = view_problems("{ entity: ratio, sql: 'SELECT number AS weight, line FROM lines' }");
    assert_eq!(missing, []);
    let missing = view_problems("{ entity: ratio, sql: 'SELECT number, line FROM lines' }");
    assert_eq!(missing.iter().map(|(code, _)| code.as_str()).collect::<Vec<_>>(), ["unknown_column"]);
    let missing = view_problems("{ entity: numbered, sql: 'SELECT numbr AS number, line FROM lines' }");
    assert_eq!(missing.iter().map(|(code, _)| code.as_str()).collect::<Vec<_>>(), ["sql_error"]);
}

#[test]
fn a_query_gives_its_columns_types() {
    let fixture = project(
        "feature_views: { v: { entity: numbered, sql: 'SELECT number, COUNT(*) AS trips, 1.5 * COUNT(*) AS more, MIN(line) AS first FROM lines GROUP BY number' } }",
    );
    let offline = fixture.offline();
    let schema = offline.view_schema(&name("v")).unwrap();
    let types: Vec<(&str, ColumnType)> = schema.features.iter().map(|(name, one)| (name.as_str(), *one)).collect();
    assert_eq!(types, [("trips", ColumnType::U32), ("more", ColumnType::F64), ("first", ColumnType::Str)]);
}

const MODEL: &str = "
feature_views:
  by_line: { entity: line, source: trips, ttl: 1d, aggregates: [{ of: delay, fn: mean, windows: [1d] }] }
  by_number: { entity: numbered, sql: 'SELECT number, line AS name FROM lines' }
models:
  m:
    observations: { source: trips, label: LABEL }
    inputs: { INPUTS }
    derived: { DERIVED }
    features: [FEATURES]
    algorithm: { name: logistic_regression }
    metrics: [auc]
";

fn model_problems(label: &str, inputs: &str, derived: &str, features: &str) -> Vec<(String, String)> {
    let model = MODEL
        .replace("LABEL", label)
        .replace("INPUTS", inputs)
        .replace("DERIVED", derived)
        .replace("FEATURES", features);
    resolve(&project(&model), |loaded, sources| {
        let problems = model_schema(&loaded.project, &name("m"), sources, Some(LabelKind::Boolean));
        problems.err().unwrap_or_default()
    })
}

#[test]
fn a_label_that_is_not_boolean_and_an_input_known_only_later_are_refused() {
    assert_eq!(model_problems("'delay > 5'", "weight: f64", "", "by_line"), []);
    assert_eq!(model_problems("delay", "weight: f64", "", "by_line"), [is("label_type", "delay")]);
    assert_eq!(model_problems("'delay > 5'", "delay: i32", "", "by_line"), [is("known_later", "delay")]);
    assert_eq!(model_problems("'delay > 5'", "weight: str", "", "by_line"), [is("type_mismatch", "str")]);
    assert_eq!(model_problems("'delay > 5'", "wait: f64", "", "by_line"), [is("unknown_column", "wait")]);
}

#[test]
fn keys_of_two_types_do_not_join_and_a_derived_value_is_checked() {
    let mismatch = model_problems("'delay > 5'", "weight: f64", "", "by_number");
    assert_eq!(mismatch.iter().map(|(code, _)| code.as_str()).collect::<Vec<_>>(), ["key_type_mismatch"]);
    assert_eq!(model_problems("'delay > 5'", "weight: f64", "late: 'by_line.delay_mean_1d > weight'", "by_line"), []);
    let derived = model_problems("'delay > 5'", "weight: f64", "late: 'by_line.delay_mean_7d > 3'", "by_line");
    assert_eq!(derived.iter().map(|(code, _)| code.as_str()).collect::<Vec<_>>(), ["unknown_column"]);
    let mapped = "{ view: by_line, entity: { line: number }, as: other }";
    assert_eq!(model_problems("'delay > 5'", "weight: f64", "", mapped), []);
}

#[test]
fn the_times_of_a_source_must_be_datetimes() {
    let fixture = project("");
    fixture.yaml(
        "sources: { trips: { path: trips.parquet, event_time: line, known_at: { delay: weight }, where: delay } }",
    );
    let problems = resolve(&fixture, |loaded, sources| {
        let trips = name("trips");
        check_source(&trips, &loaded.project.sources[&trips], &sources[&trips])
    });
    let codes: Vec<&str> = problems.iter().map(|(code, _)| code.as_str()).collect();
    assert_eq!(codes, ["type_mismatch"; 3], "{problems:?}");
}
