//! What the language means: the canonical project as typed declarations, the shorthands, the round trip through JSON.

use std::path::Path;

use daybreak_spec::{
    AggregateFunction, Categories, DayMatch, DeclarationKind, Expr, Jitter, KnownAt, Loaded, Missed, Missing, Name,
    NodeValue, Overlap, ParamType, Project, RetryCause, Rule, TriggerRule, Value, ViewDefinition, load_texts, render,
};

fn load(text: &str) -> Loaded {
    let trading = ("calendars/trading.txt".to_owned(), "2026-11-27\n".to_owned());
    load_texts(Path::new("/work/my flights"), [("daybreak.yaml".to_owned(), text.to_owned()), trading])
}

fn sound(text: &str) -> Project {
    let loaded = load(text);
    assert_eq!(render(&loaded.problems, &loaded.files), "");
    loaded.project
}

fn canonical() -> Project {
    sound(include_str!("fixtures/canonical.yaml"))
}

fn every_key() -> Project {
    sound(include_str!("fixtures/every_key.yaml"))
}

fn texts<T: AsRef<str>>(items: impl IntoIterator<Item = T>) -> Vec<String> {
    items.into_iter().map(|item| item.as_ref().to_owned()).collect()
}

#[test]
fn the_canonical_project_has_its_sources() {
    let project = canonical();
    assert_eq!(project.name.as_str(), "my_flights");
    assert_eq!(project.sources["arrivals"].filter.as_ref().expect("a filter").text, "arr_at IS NOT NULL");
    assert_eq!(project.sources["departures"].known_at_of("arr_delay"), Some("arr_at"));
    assert_eq!(project.sources["departures"].known_at_of("distance"), None);
    assert!(project.sources["planes"].event_time.is_none());
    let keys = &project.entities["route"].keys;
    assert_eq!(texts(keys.iter().map(|key| key.as_str())), ["origin", "dest"]);
}

#[test]
fn the_canonical_views_have_their_features() {
    let project = canonical();
    let ViewDefinition::Aggregates { aggregates, .. } = &project.feature_views["carrier_punctuality"].definition else {
        panic!("carrier_punctuality aggregates");
    };
    let names: Vec<String> =
        aggregates.iter().flat_map(|aggregate| aggregate.features()).map(|(name, _, _)| name).collect();
    assert_eq!(
        names,
        [
            "late_share_1d",
            "late_share_7d",
            "late_share_28d",
            "arr_delay_mean_7d",
            "arr_delay_p90_7d",
            "arr_delay_count_7d"
        ]
    );
    let ViewDefinition::Sql { sources, .. } = &project.feature_views["plane_facts"].definition else {
        panic!("plane_facts is a query");
    };
    assert_eq!(texts(sources.iter().map(Name::as_str)), ["planes"]);
    assert!(project.feature_views["network"].entity.is_none());
}

#[test]
fn the_canonical_model_reads_views_in_roles() {
    let model = canonical().models.remove("late_arrival").expect("the model");
    let roles = texts(model.features.iter().map(|reference| reference.role().as_str()));
    assert_eq!(roles, ["carrier_punctuality", "airport_weather", "plane_facts", "dest_weather"]);
    assert_eq!(model.features[3].entity["origin"].as_str(), "dest");
    assert_eq!(model.inputs[2].categories, Some(Categories::Observed));
    assert_eq!(model.missing, Missing::Impute);
    assert_eq!(model.algorithm.name.as_str(), "logistic_regression");
    assert_eq!(model.algorithm.parameters[0].1.value, NodeValue::Float(1.0));
}

#[test]
fn the_canonical_dag_has_its_schedule_and_tasks() {
    let dag = canonical().dags.remove("nightly").expect("the DAG");
    assert_eq!((dag.schedules[0].missed, dag.schedules[0].overlap), (Missed::All, Overlap::Queue));
    assert_eq!(dag.schedules[0].start.expect("a start").to_string(), "2013-02-01 00:00:00");
    assert_eq!((dag.retry.attempts, dag.retry.backoff.jitter), (3, Jitter::Full));
    assert_eq!(texts(dag.tasks["promote"].needs.iter().map(|name| name.as_str())), ["judge", "publish"]);
    assert_eq!(dag.tasks["features"].timeout.as_ref().expect("a timeout").text, "30m");
    assert_eq!(dag.tasks["judge"].parameter("require").expect("gates").kind(), "a list");
    assert!(dag.tasks["judge"].parameter("needs").is_none());
}

#[test]
fn shorthands_mean_what_the_long_forms_mean() {
    let project = every_key();
    assert_eq!(project.name.as_str(), "every-key");
    assert_eq!(texts(project.data_roots.iter().map(|root| root.as_str())), ["/var/lib/flights", "../shared"]);
    assert_eq!((project.predictions.keep.text.as_str(), project.predictions.max_size_bytes), ("30d", 512_000_000));
    let trips = &project.sources["trips"];
    assert!(matches!(&trips.known_at, Some(KnownAt::Row(column)) if column.as_str() == "ingested_at"));
    let ViewDefinition::Aggregates { aggregates, .. } = &project.feature_views["busy"].definition else {
        panic!("busy aggregates");
    };
    assert_eq!(aggregates[0].functions[5].value, AggregateFunction::Percentile(50));
    assert_eq!(aggregates[0].windows[0].text, "1w");
    let ViewDefinition::Sql { sources, .. } = &project.feature_views["joined"].definition else {
        panic!("joined is a query");
    };
    assert_eq!(texts(sources.iter().map(Name::as_str)), ["trips"]);
    let price = &project.models["price"];
    let picks = price.features[0].pick.as_ref().expect("picks");
    assert_eq!(texts(picks.iter().map(|pick| pick.as_str())), ["short_sum_1w", "short_max_1w"]);
    assert_eq!(price.features[1].missing, Some(Missing::Refuse));
    assert_eq!(price.inputs[1].categories.as_ref().and_then(Categories::declared).expect("declared").len(), 3);
    assert_eq!(price.metrics.len(), 1);
}

#[test]
fn dags_may_have_several_schedules_or_none_of_their_keys() {
    let project = every_key();
    let hourly = &project.dags["hourly"];
    assert_eq!(hourly.schedules.len(), 4);
    assert_eq!(hourly.schedules[0].timezone.as_str(), "UTC");
    assert_eq!(hourly.schedules[3].day_match, DayMatch::And);
    assert_eq!(hourly.schedules[3].end.expect("an end").to_string(), "2014-02-01 06:30:15");
    assert_eq!(hourly.tasks["build"].memory_bytes.as_ref().map(|size| size.value), Some(512_000_000));
    assert_eq!(hourly.tasks["tell"].memory_bytes.as_ref().map(|size| size.value), Some(2 << 30));
    let retry = hourly.tasks["tell"].retry.as_ref().expect("a policy");
    assert_eq!((retry.backoff.max.text.as_str(), retry.backoff.jitter), ("20m", Jitter::None));
    assert_eq!(hourly.params["share"].default.as_ref().map(|node| &node.value), Some(&NodeValue::Float(0.5)));
    let by_hand = &project.dags["by_hand"];
    assert_eq!((by_hand.retry.attempts, by_hand.schedules[0].cron.as_str()), (1, "0 4 * * *"));
}

#[test]
fn a_project_survives_json() {
    for project in [canonical(), every_key()] {
        let json = serde_json::to_string(&project).expect("a project is JSON");
        let back: Project = serde_json::from_str(&json).expect("its own JSON");
        assert_eq!(serde_json::to_string(&back).expect("JSON again"), json);
        assert_eq!(serde_json::from_str::<Project>(&json).expect("its own JSON"), back);
    }
}

#[test]
fn spans_point_at_what_was_written() {
    let project = canonical();
    let span = project.models["late_arrival"].features[1].pick.as_ref().expect("a pick")[0].span;
    assert_eq!((span.line, span.column, span.length), (34, 53, 4));
    let span = project.sources["weather"].span;
    assert_eq!((span.line, span.column, span.length), (11, 3, 7));
}

#[test]
fn files_are_merged_and_a_name_defined_twice_shows_both_places() {
    let root = "version: 1\nentities:\n  carrier: { keys: [carrier] }\n";
    let more = "entities:\n  carrier: { keys: [other] }\n  plane: { keys: tailnum }\n";
    let texts = [("daybreak.yaml", root), ("more/entities.yml", more)];
    let loaded = load_texts(Path::new("/p"), texts.map(|(path, text)| (path.to_owned(), text.to_owned())));
    assert_eq!(loaded.problems.len(), 1);
    let problem = &loaded.problems[0];
    assert_eq!((problem.code, problem.span.file, problem.span.line), ("duplicate_name", 1, 2));
    assert_eq!((problem.related[0].0.file, problem.related[0].0.line), (0, 3));
    assert_eq!(loaded.project.entities["carrier"].keys[0].as_str(), "carrier");
    assert!(loaded.project.entities.contains_key("plane"));
}

#[test]
fn a_declaration_with_problems_is_still_declared() {
    let loaded = load("version: 1\nsources: { broken: {} }\nfeature_views: { v: { source: broken, latest: [a] } }\n");
    assert_eq!(loaded.problems.len(), 1, "{:?}", loaded.problems);
    let name = Name::parse("broken").expect("a name");
    assert!(loaded.declared.may_exist(DeclarationKind::Source, &name));
    assert!(loaded.declared.is_damaged(DeclarationKind::Source, &name));
    assert!(!loaded.project.sources.contains_key("broken"));
}

#[test]
fn a_file_that_cannot_be_parsed_makes_no_unknown_references() {
    let texts =
        [("daybreak.yaml", "version: 1\nfeature_views: { v: { source: s, latest: [a] } }\n"), ("s.yaml", "sources: {")];
    let loaded = load_texts(Path::new("/p"), texts.map(|(path, text)| (path.to_owned(), text.to_owned())));
    let codes: Vec<&str> = loaded.problems.iter().map(|problem| problem.code).collect();
    assert_eq!(codes, ["yaml_syntax"]);
}

#[test]
fn aliases_repeat_whole_values_and_their_mistakes_are_told_once() {
    let text = "version: 1\nsources:\n  a: &shared { path: a.parquet, evnt_time: t }\n  b: *shared\n";
    let loaded = load(text);
    assert_eq!(loaded.problems.len(), 2, "one per source: {:?}", loaded.problems);
    assert_eq!(loaded.problems[0].span, loaded.problems[1].span);
    let loaded = load("version: 1\nentities:\n  a: &shared { keys: [x, x] }\n  b: { keys: [y] }\n");
    assert_eq!(loaded.problems.len(), 1);
    let project = sound("version: 1\nentities:\n  a: { keys: &keys [x, y] }\n  b: { keys: *keys }\n");
    assert_eq!(project.entities["a"].keys, project.entities["b"].keys);
}

#[test]
fn an_empty_section_declares_nothing() {
    let project = sound("version: 1\nsources:\nmodels: ~\ndags: {}\n");
    assert!(project.sources.is_empty() && project.models.is_empty() && project.dags.is_empty());
}

#[test]
fn a_literal_keeps_its_value_through_the_tree() {
    let project =
        sound("version: 1\nsources: { a: { path: a.parquet, where: \"x = -9223372036854775808 OR y > 0.1\" } }\n");
    let tree = &project.sources["a"].filter.as_ref().expect("a filter").tree;
    let shown = serde_json::to_value(tree).expect("JSON");
    let Expr::Binary(_, left, _) = tree else { panic!("an OR: {shown}") };
    let Expr::Binary(_, _, smallest) = &**left else { panic!("a comparison: {shown}") };
    assert_eq!(**smallest, Expr::Literal(Value::Int(i64::MIN)));
}

#[test]
fn how_needed_tasks_must_end_is_a_rule_a_condition_or_a_teardown() {
    let project = every_key();
    let task = |name: &str| &project.dags["hourly"].tasks[name];
    assert_eq!(task("any").trigger, TriggerRule::Rule(Rule::OneSuccess));
    let TriggerRule::When(condition) = &task("both").trigger else { panic!("{:?}", task("both").trigger) };
    assert_eq!(condition.as_str(), "(build.succeeded || build.skipped) && !tell.failed");
    assert_eq!(condition.tasks().iter().map(|task| task.as_str()).collect::<Vec<_>>(), ["build", "build", "tell"]);
    assert_eq!(task("clear").trigger, TriggerRule::Teardown);
    assert_eq!(task("plain").trigger, TriggerRule::default());
    assert_eq!((task("any").tolerated, task("both").tolerated), (true, false));
}

#[test]
fn a_task_is_done_once_per_item_of_a_list_or_of_a_reference_to_one() {
    let project = every_key();
    let for_each = |name: &str| project.dags["hourly"].tasks[name].for_each.clone().expect("a list");
    let each = for_each("each");
    assert_eq!((each.list.to_json(), each.max_parallel), (serde_json::json!(["${params.city}", "Oslo"]), Some(8)));
    let listed = for_each("listed");
    assert_eq!((listed.list.as_text(), listed.max_parallel), (Some("${tasks.build.outputs.names:-[]}"), None));
    assert_eq!(project.dags["hourly"].tasks["plain"].for_each, None);
}

#[test]
fn a_result_is_known_by_its_key_for_its_ttl() {
    let project = every_key();
    let cache = project.dags["hourly"].tasks["known"].cache.clone().expect("it is known");
    let key: Vec<_> = cache.key.iter().map(daybreak_spec::Node::to_json).collect();
    assert_eq!(serde_json::Value::Array(key), serde_json::json!(["${run.window_end}", "v2", 3]));
    assert_eq!(cache.ttl.text, "7d");
}

#[test]
fn the_name_of_an_item_is_none_that_can_be_declared() {
    use daybreak_spec::Name;
    let score = Name::parse("score").expect("a slug");
    assert_eq!(score.of_item(3).as_str(), "score[3]");
    assert_eq!(Name::parse_of_run("score[3]"), Some(score.of_item(3)));
    assert_eq!(score.of_item(3).item(), Some(("score", 3)));
    assert_eq!((score.item(), Name::parse("score[3]")), (None, None));
    for wrong in ["score[]", "score[-1]", "score[03]", "score[+3]", "Score[3]", "score[3", "score3]", "[3]", "a[1][2]"]
    {
        assert_eq!(Name::parse_of_run(wrong), None, "{wrong}");
    }
}

#[test]
fn every_rule_is_read_by_its_name() {
    for rule in Rule::ALL {
        let text = format!(
            "version: 1\ndags:\n  d:\n    tasks:\n      a: {{ kind: noop }}\n      b: {{ kind: noop, needs: a, rule: {} }}\n",
            rule.name()
        );
        assert_eq!(sound(&text).dags["d"].tasks["b"].trigger, TriggerRule::Rule(rule));
    }
}

#[test]
fn a_retry_policy_names_the_ends_that_it_is_for() {
    let project = every_key();
    let retry = project.dags["hourly"].tasks["tell"].retry.clone().expect("a policy");
    assert_eq!(retry.only, [RetryCause::Exit(75), RetryCause::Timeout, RetryCause::Lost]);
    assert_eq!(
        serde_json::to_value(&retry).expect("it writes")["only"],
        serde_json::json!(["exit 75", "timeout", "lost"])
    );
    let causes = ["exit_75", "exit_1", "task_error", "timeout", "out_of_memory", "crashed", "worker_lost"];
    let covered = |word: &str| -> Vec<&str> {
        let cause = RetryCause::parse(word).expect("a word");
        causes.into_iter().filter(|found| cause.covers(found)).collect()
    };
    assert_eq!(covered("exit 75"), ["exit_75"]);
    assert_eq!(covered("exit"), ["exit_75", "exit_1"]);
    assert_eq!(covered("error"), ["exit_75", "exit_1", "task_error"]);
    assert_eq!(covered("timeout"), ["timeout"]);
    assert_eq!(covered("out_of_memory"), ["out_of_memory"]);
    assert_eq!(covered("crashed"), ["crashed"]);
    assert_eq!(covered("lost"), ["worker_lost"]);
}

#[test]
fn parameters_have_types_whether_they_are_written_short_or_long() {
    let project = every_key();
    let params = &project.dags["hourly"].params;
    let types: Vec<_> = params.iter().map(|(name, param)| (name.as_str(), param.param_type)).collect();
    let expected = [
        ("city", ParamType::String),
        ("days", ParamType::Integer),
        ("dry", ParamType::Boolean),
        ("limit", ParamType::Integer),
        ("mode", ParamType::String),
        ("rates", ParamType::List),
        ("rest", ParamType::Map),
        ("share", ParamType::Number),
    ];
    assert_eq!(types, expected);
    assert_eq!(params["days"].description.as_deref(), Some("Days that are read"));
    assert!(params["days"].check(&serde_json::json!(91)).is_err());
    assert!(params["mode"].check(&serde_json::json!("slow")).is_err());
    assert!(project.dags["on_request"].params.values().all(|param| param.default.is_none()));
}
