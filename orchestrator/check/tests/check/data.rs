//! Tiny Parquet files for projects under test.

use std::fs::{File, create_dir_all, write};
use std::path::Path;

use polars::prelude::*;

const DAY_US: i64 = 86_400_000_000;
const NEW_YEAR_2026_US: i64 = 1_767_225_600_000_000;

/// Two months of orders, visits, users, and files with something wrong, in `data/` of the project.
pub fn write_data(project: &Path) {
    let data = project.join("data");
    create_dir_all(&data).expect("a folder");
    for (name, first) in [("orders-1", 0), ("orders-2", 31)] {
        parquet(&data.join(format!("{name}.parquet")), orders(first));
    }
    parquet(&data.join("visits.parquet"), visits());
    let users = df!("buyer" => ["ann", "bob"], "age" => [31_i32, 47], "city" => ["Ulm", "Ghent"]);
    parquet(&data.join("users.parquet"), users);
    parquet(&data.join("differs-1.parquet"), df!("at" => instants(0, 2), "amount" => [1_i64, 2]));
    parquet(&data.join("differs-2.parquet"), df!("at" => instants(2, 2), "amount" => ["1", "2"]));
    parquet(&data.join("lacks-1.parquet"), df!("at" => instants(0, 1), "amount" => [1_i64], "tip" => [1_i64]));
    parquet(&data.join("lacks-2.parquet"), df!("at" => instants(2, 1), "amount" => [1_i64]));
    let tags = Series::new("tags".into(), [Series::new("".into(), ["a", "b"])]);
    parquet(&data.join("nested.parquet"), df!("buyer" => ["ann"], "tags" => tags));
    write(data.join("corrupt.parquet"), b"PAR1 and then nothing that Parquet knows").expect("written");
}

fn orders(first: i64) -> PolarsResult<DataFrame> {
    let mut frame = df!(
        "order_id" => [first, first + 1],
        "buyer" => ["ann", "bob"],
        "item" => ["tea", "rice"],
        "amount" => [1.5, 2.5],
        "ordered_at" => instants(first, 2),
        "paid" => [Some(true), None],
        "amount_paid" => [Some(1.5), None],
    )?;
    frame.with_column(instants(first + 3, 2).with_name("paid_at".into()).into())?;
    Ok(frame)
}

fn visits() -> PolarsResult<DataFrame> {
    df!(
        "buyer" => ["ann", "bob"],
        "page" => ["home", "cart"],
        "item" => [7_i64, 8],
        "seconds" => [3_i32, 40],
        "visited_at" => instants(0, 2),
    )
}

fn instants(first_day: i64, count: i64) -> Series {
    let micros: Vec<i64> = (0..count).map(|day| NEW_YEAR_2026_US + (first_day + day) * DAY_US).collect();
    let series = Series::new("at".into(), micros);
    series.cast(&DataType::Datetime(TimeUnit::Microseconds, None)).expect("instants")
}

fn parquet(path: &Path, frame: PolarsResult<DataFrame>) {
    let mut frame = frame.expect("a frame");
    let file = File::create(path).expect("a file");
    ParquetWriter::new(file).finish(&mut frame).expect("written");
}
