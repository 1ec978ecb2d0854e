//! Pages of lists: one rule for how many rows a page has. A list is read on with `next` of the page before, which names the
//! last row that was shown, so that rows that come or go meanwhile neither hide nor repeat another. To add a list: a query
//! with `limit` and a cursor beside its type, a method of the client.

/// Largest page of a list.
pub const MAX_PAGE: u32 = 500;

/// Rows of a page, where nobody says how many.
const DEFAULT: u32 = 50;

/// The rows of a page that was asked for with this `limit`.
pub(crate) fn rows_of_page(limit: Option<u32>) -> u32 {
    limit.unwrap_or(DEFAULT).clamp(1, MAX_PAGE)
}

/// All rows of a list, page after page.
///
/// # Errors
/// Those of the first page that cannot be read.
pub async fn all_pages<T, K, E, F>(page: impl Fn(Option<K>) -> F) -> Result<Vec<T>, E>
where
    F: Future<Output = Result<(Vec<T>, Option<K>), E>>,
{
    let (mut all, mut cursor) = (Vec::new(), None);
    loop {
        let (rows, next) = page(cursor).await?;
        all.extend(rows);
        cursor = next;
        if cursor.is_none() {
            return Ok(all);
        }
    }
}
