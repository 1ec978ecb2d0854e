//! What a bench prints: a table for people or one JSON object.

use serde_json::{Map, Value as Json, json};

/// One measured case beside its floor.
pub struct Case {
    /// What was measured.
    pub case: String,
    /// Of `ours` and `floor`.
    pub unit: &'static str,
    /// Our figure.
    pub ours: f64,
    /// The bare work measured in the same run.
    pub floor: Option<f64>,
    /// What the floor is, for the table.
    pub floor_is: &'static str,
    /// More figures.
    pub more: Map<String, Json>,
}

impl Case {
    fn ratio(&self) -> Option<f64> {
        self.floor.map(|floor| self.ours / floor)
    }

    fn json(&self) -> Json {
        let mut object = self.more.clone();
        object.insert("case".into(), json!(self.case));
        object.insert("unit".into(), json!(self.unit));
        object.insert("ours".into(), json!(self.ours));
        object.insert("floor".into(), json!(self.floor));
        object.insert("floor_is".into(), json!(self.floor_is));
        object.insert("ratio".into(), json!(self.ratio()));
        Json::Object(object)
    }
}

/// How to print.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// Columns for people.
    Table,
    /// One JSON object.
    Json,
}

/// Prints all cases of a bench.
pub fn print(bench: &str, cases: &[Case], form: Form) {
    if form == Form::Json {
        let cases: Vec<Json> = cases.iter().map(Case::json).collect();
        println!("{}", json!({ "bench": bench, "machine": machine(), "cases": cases }));
        return;
    }
    println!("{bench} on {}", machine());
    println!("{:<34} {:>12} {:>12} {:>7}  {:<8} floor is", "case", "ours", "floor", "ratio", "unit");
    for case in cases {
        let shown = |number: Option<f64>| number.map_or_else(|| "-".to_owned(), |number| format!("{number:.3}"));
        let (ours, floor, ratio) = (shown(Some(case.ours)), shown(case.floor), shown(case.ratio()));
        println!("{:<34} {ours:>12} {floor:>12} {ratio:>7}  {:<8} {}", case.case, case.unit, case.floor_is);
        for (name, value) in &case.more {
            println!("{:<34} {value}", format!("  {name}"));
        }
    }
}

fn machine() -> String {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let model = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model =
        model.lines().find_map(|line| line.strip_prefix("model name\t: ")).unwrap_or("unknown processor").to_owned();
    format!("{cores} cores of {model}")
}
