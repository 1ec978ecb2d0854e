//! What the files of a source hold: read from the footers of all of them, one type per column, differences named.
//! Never reads a row. To read another Parquet type: a variant of `Stored`, a line in `stored`, one in `reading`.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use daybreak_spec::{ColumnType, Source, Spanned};
use polars::io::mmap::MmapBytesReader;
use polars::prelude::{
    ArrowDataType, ArrowTimeUnit, ParquetReader, PlSmallStr, PolarsResult, SerReader, TimeUnit, polars_ensure,
};

use crate::error::guarded;
use crate::paths::expand;

/// Something wrong with the files of a source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SchemaProblem {
    /// A slug: `no_files`, `path_outside_project`, `corrupt_file`, `unsupported_type`, `schema_differs`, ...
    pub code: &'static str,
    /// What is wrong: lower case, no full stop, names file and column.
    pub message: String,
    /// What to do.
    pub hint: Option<String>,
}

impl SchemaProblem {
    pub(crate) fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), hint: None }
    }

    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

/// Columns and files of a source.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SourceSchema {
    /// Type of each column as Daybreak reads it.
    pub columns: BTreeMap<String, ColumnType>,
    /// The files, sorted by path; none where only `schema:` is declared.
    pub files: Vec<PathBuf>,
    /// Per file, how each column is stored.
    pub(crate) stored: Vec<Arc<BTreeMap<String, Stored>>>,
}

impl SourceSchema {
    /// A schema without files, as `schema:` declares it.
    pub fn declared(columns: BTreeMap<String, ColumnType>) -> Self {
        Self { columns, ..Self::default() }
    }
}

/// How a column stands in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Stored {
    /// As Daybreak holds it.
    Plain(ColumnType),
    /// A decimal; read as f64.
    Decimal,
    /// Dictionary-encoded text; read as text.
    Dictionary,
    /// An instant of some unit, with a zone or without (then UTC).
    Instant(TimeUnit, Option<PlSmallStr>),
    /// No value at all; takes the type that other files or `schema:` give.
    Nothing,
}

impl Stored {
    fn column_type(&self) -> Option<ColumnType> {
        match self {
            Self::Plain(column_type) => Some(*column_type),
            Self::Decimal => Some(ColumnType::F64),
            Self::Dictionary => Some(ColumnType::Str),
            Self::Instant(..) => Some(ColumnType::Datetime),
            Self::Nothing => None,
        }
    }
}

type Footer = BTreeMap<String, Result<Stored, String>>;

/// Reads the footers of all files of a source. `data_roots` are folders outside the project, absolute or relative to it.
///
/// # Errors
/// Everything that is wrong with the files, at once.
pub fn read_schema(root: &Path, data_roots: &[PathBuf], source: &Source) -> Result<SourceSchema, Vec<SchemaProblem>> {
    let declared = source.schema.as_ref();
    let files = match expand(root, data_roots, source.path.as_str()) {
        Ok(files) => files,
        Err(problem) => {
            return match declared {
                Some(declared) if problem.code == "no_files" => Ok(SourceSchema::declared(types_of(declared))),
                _ => Err(vec![problem]),
            };
        }
    };
    let mut problems = Vec::new();
    let mut footers = Vec::with_capacity(files.len());
    for file in &files {
        match read_footer(file) {
            Ok(footer) => footers.push((shown(root, file), footer)),
            Err(problem) => problems.push(problem),
        }
    }
    if let Some(declared) = declared {
        footers.iter_mut().for_each(|(_, footer)| footer.retain(|column, _| declared.contains_key(column)));
        check_declared(declared, &footers, &mut problems);
    }
    let columns = merge(&footers, declared, &mut problems);
    if !problems.is_empty() {
        return Err(problems);
    }
    let keep = |footer: Footer| {
        Arc::new(footer.into_iter().filter_map(|(name, stored)| Some((name, stored.ok()?))).collect::<BTreeMap<_, _>>())
    };
    let stored = footers.into_iter().map(|(_, footer)| keep(footer)).collect();
    Ok(SourceSchema { columns, files, stored })
}

/// The files a source's path names now, sorted.
///
/// # Errors
/// Where it names none, or one that a project may not read.
pub fn source_files(root: &Path, data_roots: &[PathBuf], source: &Source) -> Result<Vec<PathBuf>, SchemaProblem> {
    files_named(root, data_roots, source.path.as_str())
}

/// The files that a path or glob names now, sorted.
///
/// # Errors
/// `no_files` where it names none; another code where it names one that a project may not read.
pub fn files_named(root: &Path, data_roots: &[PathBuf], pattern: &str) -> Result<Vec<PathBuf>, SchemaProblem> {
    expand(root, data_roots, pattern)
}

fn types_of(declared: &BTreeMap<String, Spanned<ColumnType>>) -> BTreeMap<String, ColumnType> {
    declared.iter().map(|(name, column_type)| (name.clone(), column_type.value)).collect()
}

fn shown(root: &Path, file: &Path) -> String {
    file.strip_prefix(root).unwrap_or(file).display().to_string()
}

fn read_footer(path: &Path) -> Result<Footer, SchemaProblem> {
    let file = File::open(path)
        .map_err(|error| SchemaProblem::new("unreadable_file", format!("file {}: {error}", path.display())))?;
    let what = || format!("reading the footer of {}", path.display());
    let length = file.metadata().map_or(0, |metadata| metadata.len());
    let read = || {
        let mut reader = ParquetReader::new(file);
        check_lengths(&mut reader, length)?;
        reader.schema()
    };
    let schema = guarded(what, read).map_err(|error| {
        let source = std::error::Error::source(&error).map(|source| format!(": {source}")).unwrap_or_default();
        SchemaProblem::new("corrupt_file", format!("file {} is not a readable Parquet file{source}", path.display()))
            .hint("write the file again, or move it out of the glob")
    })?;
    Ok(schema.iter_values().map(|field| (field.name.to_string(), stored(&field.dtype))).collect())
}

/// Refuses a file whose footer speaks of bytes that it does not have; the reader would trust it.
pub(crate) fn check_lengths<R: MmapBytesReader>(reader: &mut ParquetReader<R>, length: u64) -> PolarsResult<()> {
    for group in &reader.get_metadata()?.row_groups {
        for range in group.byte_ranges_iter() {
            polars_ensure!(
                range.start <= range.end && range.end <= length,
                ComputeError: "it is cut short: its footer speaks of byte {}, but it has {length}", range.end
            );
        }
    }
    Ok(())
}

/// How a column is stored, or what it is in words where Daybreak does not read it.
fn stored(data_type: &ArrowDataType) -> Result<Stored, String> {
    use ArrowDataType as A;
    Ok(match data_type {
        A::Null => Stored::Nothing,
        A::Boolean => Stored::Plain(ColumnType::Bool),
        A::Int8 => Stored::Plain(ColumnType::I8),
        A::Int16 => Stored::Plain(ColumnType::I16),
        A::Int32 => Stored::Plain(ColumnType::I32),
        A::Int64 => Stored::Plain(ColumnType::I64),
        A::UInt8 => Stored::Plain(ColumnType::U8),
        A::UInt16 => Stored::Plain(ColumnType::U16),
        A::UInt32 => Stored::Plain(ColumnType::U32),
        A::UInt64 => Stored::Plain(ColumnType::U64),
        A::Float32 => Stored::Plain(ColumnType::F32),
        A::Float64 => Stored::Plain(ColumnType::F64),
        A::Utf8 | A::LargeUtf8 | A::Utf8View => Stored::Plain(ColumnType::Str),
        A::Date32 => Stored::Plain(ColumnType::Date),
        A::Date64 => Stored::Instant(TimeUnit::Milliseconds, None),
        A::Timestamp(unit, zone) => Stored::Instant(time_unit(*unit), zone.clone()),
        A::Decimal(..) | A::Decimal32(..) | A::Decimal64(..) => Stored::Decimal,
        A::Dictionary(_, values, _) if matches!(**values, A::Utf8 | A::LargeUtf8 | A::Utf8View) => Stored::Dictionary,
        other => return Err(in_words(other)),
    })
}

fn time_unit(unit: ArrowTimeUnit) -> TimeUnit {
    match unit {
        ArrowTimeUnit::Second | ArrowTimeUnit::Millisecond => TimeUnit::Milliseconds,
        ArrowTimeUnit::Microsecond => TimeUnit::Microseconds,
        ArrowTimeUnit::Nanosecond => TimeUnit::Nanoseconds,
    }
}

fn in_words(data_type: &ArrowDataType) -> String {
    use ArrowDataType as A;
    match data_type {
        A::List(_) | A::LargeList(_) | A::FixedSizeList(..) => "lists".to_owned(),
        A::Struct(_) => "structs".to_owned(),
        A::Map(..) => "maps".to_owned(),
        A::Binary | A::LargeBinary | A::FixedSizeBinary(_) | A::BinaryView => "binary data".to_owned(),
        A::Time32(_) | A::Time64(_) => "times of day".to_owned(),
        A::Duration(_) | A::Interval(_) => "lengths of time".to_owned(),
        A::Dictionary(..) => "a dictionary of something other than text".to_owned(),
        other => format!("values of the type {other:?}"),
    }
}

fn check_declared(
    declared: &BTreeMap<String, Spanned<ColumnType>>,
    footers: &[(String, Footer)],
    problems: &mut Vec<SchemaProblem>,
) {
    for (file, footer) in footers {
        for (column, expected) in declared {
            match footer.get(column) {
                None => problems.push(
                    SchemaProblem::new(
                        "schema_differs",
                        format!("file {file} has no column `{column}`, which `schema:` declares"),
                    )
                    .hint("correct `schema:` or write the file again"),
                ),
                Some(Ok(stored)) if stored.column_type().is_some_and(|found| found != expected.value) => {
                    let found = stored.column_type().map_or("nothing", ColumnType::name);
                    let message = format!(
                        "column `{column}` is {found} in file {file}, but `schema:` declares {}",
                        expected.value.name()
                    );
                    problems.push(SchemaProblem::new("schema_differs", message).hint("correct `schema:`"));
                }
                Some(_) => {}
            }
        }
    }
}

/// One type per column over all files; what differs from the first file that has the column is a problem.
fn merge(
    footers: &[(String, Footer)],
    declared: Option<&BTreeMap<String, Spanned<ColumnType>>>,
    problems: &mut Vec<SchemaProblem>,
) -> BTreeMap<String, ColumnType> {
    let mut found: BTreeMap<&str, (&str, Option<ColumnType>)> = BTreeMap::new();
    let mut refused: BTreeMap<&str, ()> = BTreeMap::new();
    for (file, footer) in footers {
        for (column, stored) in footer {
            let column_type = match stored {
                Ok(stored) => stored.column_type(),
                Err(words) => {
                    if refused.insert(column, ()).is_none() {
                        problems.push(unsupported(column, file, words));
                    }
                    continue;
                }
            };
            let first = found.entry(column).or_insert((file, column_type));
            match (first.1, column_type) {
                (None, Some(_)) => *first = (file, column_type),
                (Some(one), Some(other)) if one != other => {
                    problems.push(differs(column, (first.0, one), (file, other)))
                }
                _ => {}
            }
        }
    }
    if declared.is_none() {
        check_absent(footers, &found, problems);
    }
    let type_of = |column: &str, known: Option<ColumnType>| {
        known.or_else(|| Some(declared?.get(column)?.value)).unwrap_or(ColumnType::F64)
    };
    found.iter().map(|(&column, &(_, known))| (column.to_owned(), type_of(column, known))).collect()
}

fn unsupported(column: &str, file: &str, words: &str) -> SchemaProblem {
    let message = format!("column `{column}` of file {file} holds {words}, which Daybreak does not read");
    SchemaProblem::new("unsupported_type", message)
        .hint("write numbers, text, booleans, dates or datetimes, or declare `schema:` with the columns you use to leave it out")
}

fn differs(column: &str, one: (&str, ColumnType), other: (&str, ColumnType)) -> SchemaProblem {
    let message =
        format!("column `{column}` is {} in file {} but {} in file {}", one.1.name(), one.0, other.1.name(), other.0);
    SchemaProblem::new("schema_differs", message).hint("write the files of one source with one schema")
}

fn check_absent(
    footers: &[(String, Footer)],
    found: &BTreeMap<&str, (&str, Option<ColumnType>)>,
    problems: &mut Vec<SchemaProblem>,
) {
    for (file, footer) in footers {
        for (&column, (first, column_type)) in found {
            if !footer.contains_key(column) {
                let name = column_type.map_or("nothing", ColumnType::name);
                let message = format!("file {file} has no column `{column}`, which is {name} in file {first}");
                let hint =
                    "write the files of one source with one schema, or declare `schema:` with the columns you use";
                problems.push(SchemaProblem::new("schema_differs", message).hint(hint));
            }
        }
    }
}
