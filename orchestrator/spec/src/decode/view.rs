//! Feature views: exactly one of `aggregates`, `latest` and `sql`.

use super::fields::{Fields, fields, named};
use crate::did_you_mean::suggestion;
use crate::expression::check_query_at;
use crate::keys::{AGGREGATE, FUNCTIONS, VIEW};
use crate::{Aggregate, AggregateFunction, Decoder, Expr, FeatureView, Name, Node, Problem, Spanned, ViewDefinition};

const DEFINITIONS: [&str; 3] = ["aggregates", "latest", "sql"];

pub(crate) fn view(decoder: &mut Decoder<'_>, name: &Spanned<Name>, node: &Node) -> Option<FeatureView> {
    let fields = fields(decoder, node, &VIEW, named("feature view", name), name.span)?;
    let entity = fields.read(decoder, "entity", Decoder::name);
    let ttl = fields.read(decoder, "ttl", Decoder::duration);
    let publish_delay = fields.read(decoder, "publish_delay", Decoder::duration);
    let ignore_nulls = fields.read(decoder, "ignore_nulls", Decoder::flag);
    let source = fields.read(decoder, "source", Decoder::name);
    let aggregates = fields.read(decoder, "aggregates", aggregates);
    let latest = fields.read(decoder, "latest", latest);
    let sql = fields.read(decoder, "sql", query);
    let only = one_definition(decoder, &fields)?;
    if only == "sql" {
        refuse(decoder, &fields, "source", "drop it: the query names its sources itself");
    } else if fields.entry("source").is_none() {
        let problem = Problem::error("missing_key", name.span, format!("{} has no `source`", fields.label));
        decoder.report(problem.hint(format!("add `source`: the source that `{only}` reads")));
    }
    if only != "latest" {
        refuse(decoder, &fields, "ignore_nulls", "drop it: it belongs to views with `latest`");
    }
    let definition = match only {
        "aggregates" => ViewDefinition::Aggregates { source: source?, aggregates: aggregates? },
        "latest" => ViewDefinition::Latest { source: source?, columns: latest? },
        _ => sql?,
    };
    let ignore_nulls = ignore_nulls.is_some_and(|flag| flag.value);
    Some(FeatureView { span: name.span, entity, definition, ttl, publish_delay, ignore_nulls })
}

/// The one definition that is written; none or several are problems.
fn one_definition(decoder: &mut Decoder<'_>, fields: &Fields<'_>) -> Option<&'static str> {
    let given: Vec<_> = DEFINITIONS.into_iter().filter_map(|key| Some((key, fields.entry(key)?))).collect();
    match given.as_slice() {
        [] => {
            let message = format!("{} defines no features", fields.label);
            let hint = "add one of `aggregates`, `latest` and `sql`";
            decoder.report(Problem::error("missing_key", fields.span, message).hint(hint));
            None
        }
        [(only, _)] => Some(only),
        [(first, (place, _)), others @ ..] => {
            for (key, (span, _)) in others {
                let message = format!("{} has `{first}` and `{key}`", fields.label);
                let problem = Problem::error("conflicting_keys", span.span, message);
                decoder.report(problem.hint("write two views").related(place.span, "the other definition"));
            }
            None
        }
    }
}

fn refuse(decoder: &mut Decoder<'_>, fields: &Fields<'_>, key: &'static str, hint: &str) {
    if let Some((place, _)) = fields.entry(key) {
        let message = format!("`{key}` means nothing in {}", fields.label);
        decoder.report(Problem::error("conflicting_keys", place.span, message).hint(hint));
    }
}

fn latest(decoder: &mut Decoder<'_>, node: &Node, what: &str) -> Option<Vec<Spanned<String>>> {
    let items = decoder.one_or_many(node, what);
    Some(items.iter().filter_map(|item| decoder.column(item, what)).collect())
}

fn query(decoder: &mut Decoder<'_>, node: &Node, what: &str) -> Option<ViewDefinition> {
    let query = decoder.text(node, what)?;
    match check_query_at(&query, &decoder.place_of(node, &query)) {
        Ok(sources) => Some(ViewDefinition::Sql { query, sources }),
        Err(problems) => {
            decoder.report_all(problems);
            None
        }
    }
}

fn aggregates(decoder: &mut Decoder<'_>, node: &Node, what: &str) -> Option<Vec<Aggregate>> {
    let items = decoder.list(node, what, "a list of maps with `of`, `fn` and `windows`");
    Some(items.iter().filter_map(|item| aggregate(decoder, item, what)).collect())
}

fn aggregate(decoder: &mut Decoder<'_>, node: &Node, what: &str) -> Option<Aggregate> {
    let fields = fields(decoder, node, &AGGREGATE, format!("an item in {what}"), node.span)?;
    let of = fields.read(decoder, "of", Decoder::expression);
    let alias = fields.read(decoder, "as", Decoder::column);
    let functions = fields.read(decoder, "fn", |decoder, node, what| {
        let items = decoder.one_or_many(node, what);
        Some(items.iter().filter_map(|item| function(decoder, item, what)).collect::<Vec<_>>())
    });
    let windows = fields.read(decoder, "windows", |decoder, node, what| {
        let items = decoder.one_or_many(node, what);
        Some(items.iter().filter_map(|item| decoder.duration(item, what)).collect::<Vec<_>>())
    });
    let (of, functions, windows) = (of?, functions?, windows?);
    // The stem of the features' names is the text, so it has to be the column as it is.
    let bare = matches!(&of.tree, Expr::Column(column) if *column == of.text);
    if fields.entry("as").is_none() && !bare {
        let message = format!("`{}` needs a name for its features", crate::small_texts::shortened(&of.text));
        decoder.report(Problem::error("missing_key", of.span, message).hint("add `as`: the stem of their names"));
        return None;
    }
    Some(Aggregate { span: node.span, of, alias, functions, windows })
}

fn function(decoder: &mut Decoder<'_>, node: &Node, what: &str) -> Option<Spanned<AggregateFunction>> {
    let Some(text) = node.as_text() else {
        decoder.wrong_type(node, what, "a function such as mean, count or p90");
        return None;
    };
    let function = parse_function(text);
    if function.is_none() {
        let problem = Problem::error(
            "unknown_word",
            node.span,
            format!("{what} cannot be `{}`", crate::small_texts::shortened(text)),
        );
        let hint =
            match text.strip_prefix(['p', 'P']).is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit())) {
                true => "percentiles are whole: p0 to p100".to_owned(),
                false => suggestion(text, FUNCTIONS.iter().copied().chain(["p90"])),
            };
        decoder.report(problem.hint(hint));
    }
    function.map(|function| Spanned::new(function, node.span))
}

fn parse_function(text: &str) -> Option<AggregateFunction> {
    use AggregateFunction as F;
    Some(match text {
        "count" => F::Count,
        "count_distinct" => F::CountDistinct,
        "sum" => F::Sum,
        "mean" => F::Mean,
        "min" => F::Min,
        "max" => F::Max,
        "std" => F::Std,
        "median" => F::Percentile(50),
        _ => {
            let digits = text.strip_prefix('p')?;
            let percent: u8 = digits.parse().ok()?;
            let plain = digits == percent.to_string();
            return (plain && percent <= 100).then_some(F::Percentile(percent));
        }
    })
}
