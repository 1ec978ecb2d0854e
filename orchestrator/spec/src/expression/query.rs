//! The allow-list of `sql:` views: one SELECT over declared sources. Every part of the parsed tree is taken apart by
//! name, so that a part nobody thought of is refused and not let through: a table function, a file name, DDL or INTO
//! would escape sources, cut-off and path rules. Never runs anything and knows no columns. To allow a clause: move its
//! field out of the `refused` list of its function.

use sqlparser::ast::{
    Cte, Distinct, GroupByExpr, Ident, Join, JoinConstraint, JoinOperator, ObjectName, ObjectNamePart, OrderBy,
    OrderByExpr, OrderByKind, Query, Select, SelectFlavor, SelectItem, SelectItemQualifiedWildcardKind, SetExpr,
    SetOperator, SetQuantifier, Spanned as _, TableAlias, TableFactor, TableWithJoins, WildcardAdditionalOptions, With,
};
use sqlparser::keywords::Keyword;
use sqlparser::tokenizer::Token;

use super::{TextPlace, sql_text};
use crate::small_texts::shortened;
use crate::{Name, Problem, Span};

pub(super) const CODE: &str = "bad_query";
const REFUSED: &str = "refused_sql";

/// Checks a query and gives the sources it names, in order of appearance. Problems point inside the text where `span`
/// is as long as it, else at the span.
pub fn check_query(sql: &str, span: Span) -> Result<Vec<Name>, Vec<Problem>> {
    check_query_at(sql, &TextPlace::new(span, sql))
}

/// Checks a query whose place is known exactly.
pub(crate) fn check_query_at(sql: &str, place: &TextPlace) -> Result<Vec<Name>, Vec<Problem>> {
    let mut parser = sql_text::open(sql, place, &sql_text::QUERY, CODE).map_err(|problem| vec![problem])?;
    let start = parser.peek_token();
    let selects = match &start.token {
        Token::Word(word) => matches!(word.keyword, Keyword::SELECT | Keyword::WITH),
        Token::LParen => true,
        _ => false,
    };
    if !selects {
        let problem = sql_text::trailing(&start, place, REFUSED);
        return Err(vec![Problem { message: "a view's `sql` must be one SELECT".to_owned(), ..problem }]);
    }
    let query = parser.parse_query().map_err(|error| vec![sql_text::syntax(&error, sql, place, CODE)])?;
    // One `;` may close the query.
    let _ = parser.consume_token(&Token::SemiColon);
    let end = parser.peek_token();
    if end.token != Token::EOF {
        let problem = sql_text::trailing(&end, place, REFUSED);
        return Err(vec![problem.hint("a view's `sql` is one SELECT and nothing behind it")]);
    }
    let mut check =
        QueryCheck { place, problems: Vec::new(), tables: Vec::new(), scopes: Vec::new(), ctes: Vec::new() };
    check.query(&query);
    check.shadowed_names();
    let QueryCheck { mut problems, tables, .. } = check;
    if tables.is_empty() && problems.is_empty() {
        problems.push(Problem::error(REFUSED, place.whole(), "the query reads no source"));
    }
    if problems.is_empty() { Ok(tables.into_iter().map(|(name, _)| name).collect()) } else { Err(problems) }
}

pub(super) struct QueryCheck<'p> {
    pub(super) place: &'p TextPlace,
    pub(super) problems: Vec<Problem>,
    tables: Vec<(Name, Span)>,
    /// Names of the WITH clauses around the current place.
    scopes: Vec<Vec<String>>,
    /// All names of WITH clauses and where they stand.
    ctes: Vec<(String, Span)>,
}

impl QueryCheck<'_> {
    pub(super) fn refuse(&mut self, at: sqlparser::tokenizer::Span, message: impl Into<String>, hint: &str) {
        let span = sql_text::place_of(at, self.place);
        self.problems.push(Problem::error(REFUSED, span, message).hint(hint));
    }

    /// Notes each clause that is there and may not be.
    fn refuse_clauses(&mut self, at: sqlparser::tokenizer::Span, clauses: &[(&str, bool)]) {
        for (clause, _) in clauses.iter().filter(|(_, given)| *given) {
            self.refuse(at, format!("{clause} is not part of a view's query"), "leave it out");
        }
    }

    /// A query, with the names of the WITH clauses around it in scope.
    pub(super) fn query(&mut self, query: &Query) {
        let at = query.span();
        let Query {
            with,
            body,
            order_by,
            limit_clause,
            fetch,
            locks,
            for_clause,
            settings,
            format_clause,
            pipe_operators,
        } = query;
        let cut = limit_clause.as_ref().map(|limit| limit.span()).or_else(|| fetch.as_ref().map(|fetch| fetch.span()));
        if let Some(at) = cut {
            let hint = "a build holds one row per key; use WHERE, GROUP BY or QUALIFY";
            self.refuse(at, "LIMIT, OFFSET and FETCH are not part of a view's query", hint);
        }
        self.refuse_clauses(
            at,
            &[
                ("FOR UPDATE", !locks.is_empty()),
                ("FOR", for_clause.is_some()),
                ("SETTINGS", settings.is_some()),
                ("FORMAT", format_clause.is_some()),
                ("|>", !pipe_operators.is_empty()),
            ],
        );
        self.scopes.push(Vec::new());
        if let Some(with) = with {
            self.with(with);
        }
        self.body(body);
        if let Some(OrderBy { kind, interpolate }) = order_by {
            match kind {
                OrderByKind::Expressions(items) if interpolate.is_none() => self.order_by(items),
                _ => self.refuse(at, "ORDER BY ALL and INTERPOLATE are not supported", "name the columns"),
            }
        }
        self.scopes.pop();
    }

    fn with(&mut self, With { with_token: _, recursive, cte_tables }: &With) {
        for Cte { alias, query, from, materialized: _, closing_paren_token: _ } in cte_tables {
            self.alias(Some(alias));
            self.refuse_clauses(alias.name.span, &[("WITH RECURSIVE", *recursive), ("FROM", from.is_some())]);
            // Its own name is not in scope inside it.
            self.query(query);
            let span = sql_text::place_of(alias.name.span, self.place);
            self.ctes.push((alias.name.value.clone(), span));
            if let Some(scope) = self.scopes.last_mut() {
                scope.push(alias.name.value.clone());
            }
        }
    }

    /// A name of a WITH clause that is also a source, or stands twice, is resolved differently by different engines.
    fn shadowed_names(&mut self) {
        let mut seen: Vec<&str> = Vec::new();
        for (name, span) in &self.ctes {
            let source = self.tables.iter().any(|(table, _)| table.as_str().eq_ignore_ascii_case(name));
            if source || seen.iter().any(|known| known.eq_ignore_ascii_case(name)) {
                let message = match source {
                    true => format!("`{}` is the name of a source and of a WITH clause", shortened(name)),
                    false => format!("`{}` names two WITH clauses", shortened(name)),
                };
                self.problems.push(Problem::error(REFUSED, *span, message).hint("rename the WITH clause"));
            }
            seen.push(name);
        }
    }

    fn body(&mut self, body: &SetExpr) {
        let at = body.span();
        match body {
            SetExpr::Select(select) => self.select(select),
            SetExpr::Query(query) => self.query(query),
            SetExpr::SetOperation { left, op, set_quantifier, right } => {
                let known = matches!(op, SetOperator::Union | SetOperator::Except | SetOperator::Intersect)
                    && matches!(set_quantifier, SetQuantifier::None | SetQuantifier::All | SetQuantifier::Distinct);
                if !known {
                    self.refuse(at, format!("{op} {set_quantifier} is not supported"), "write UNION or UNION ALL");
                }
                self.body(left);
                self.body(right);
            }
            SetExpr::Values(_) => self.refuse(at, "VALUES is not part of a view's query", "read a source"),
            SetExpr::Table(_) => self.refuse(at, "TABLE is not part of a view's query", "write SELECT * FROM it"),
            SetExpr::Insert(_) | SetExpr::Update(_) | SetExpr::Delete(_) | SetExpr::Merge(_) => {
                self.refuse(at, "a view's query only reads", "write one SELECT");
            }
        }
    }

    fn select(&mut self, select: &Select) {
        let at = select.span();
        let Select {
            select_token: _,
            optimizer_hints,
            distinct,
            select_modifiers,
            top,
            top_before_distinct: _,
            projection,
            exclude,
            into,
            from,
            lateral_views,
            prewhere,
            selection,
            connect_by,
            group_by,
            cluster_by,
            distribute_by,
            sort_by,
            having,
            named_window,
            qualify,
            window_before_qualify: _,
            value_table_mode,
            flavor,
        } = select;
        self.refuse_clauses(
            at,
            &[
                ("a hint", !optimizer_hints.is_empty()),
                ("DISTINCT ON", matches!(distinct, Some(Distinct::On(_)))),
                ("a modifier of SELECT", select_modifiers.as_ref().is_some_and(|modifiers| modifiers.is_any_set())),
                ("TOP", top.is_some()),
                ("EXCLUDE", exclude.is_some()),
                ("INTO", into.is_some()),
                ("LATERAL VIEW", !lateral_views.is_empty()),
                ("PREWHERE", prewhere.is_some()),
                ("CONNECT BY", !connect_by.is_empty()),
                ("CLUSTER BY", !cluster_by.is_empty()),
                ("DISTRIBUTE BY", !distribute_by.is_empty()),
                ("SORT BY", !sort_by.is_empty()),
                ("WINDOW", !named_window.is_empty()),
                ("AS STRUCT and AS VALUE", value_table_mode.is_some()),
                ("FROM without SELECT", *flavor != SelectFlavor::Standard),
            ],
        );
        for table in from {
            self.table_with_joins(table);
        }
        for item in projection {
            self.select_item(item);
        }
        for condition in [selection, having, qualify].into_iter().flatten() {
            self.expression(condition);
        }
        match group_by {
            GroupByExpr::Expressions(items, modifiers) => {
                self.refuse_clauses(at, &[("a modifier of GROUP BY", !modifiers.is_empty())]);
                items.iter().for_each(|item| self.expression(item));
            }
            GroupByExpr::All(_) => self.refuse(at, "GROUP BY ALL is not supported", "name the columns"),
        }
    }

    fn select_item(&mut self, item: &SelectItem) {
        match item {
            SelectItem::UnnamedExpr(expression) | SelectItem::ExprWithAlias { expr: expression, alias: _ } => {
                self.expression(expression);
            }
            SelectItem::Wildcard(options) => self.wildcard(options),
            SelectItem::QualifiedWildcard(SelectItemQualifiedWildcardKind::ObjectName(_), options) => {
                self.wildcard(options);
            }
            SelectItem::QualifiedWildcard(SelectItemQualifiedWildcardKind::Expr(_), _)
            | SelectItem::ExprWithAliases { .. } => {
                self.refuse(item.span(), "this column cannot be selected", "write `expression AS name`");
            }
        }
    }

    fn wildcard(&mut self, options: &WildcardAdditionalOptions) {
        let WildcardAdditionalOptions {
            wildcard_token,
            opt_ilike,
            opt_exclude,
            opt_except,
            opt_replace,
            opt_rename,
            opt_alias,
        } = options;
        let given = [opt_ilike.is_some(), opt_exclude.is_some(), opt_except.is_some()].contains(&true)
            || [opt_replace.is_some(), opt_rename.is_some(), opt_alias.is_some()].contains(&true);
        if given {
            self.refuse(wildcard_token.0.span, "options of `*` are not supported", "name the columns");
        }
    }

    pub(super) fn order_by(&mut self, items: &[OrderByExpr]) {
        for OrderByExpr { expr, options: _, with_fill } in items {
            if with_fill.is_some() {
                self.refuse(expr.span(), "WITH FILL is not part of a view's query", "leave it out");
            }
            self.expression(expr);
        }
    }

    fn table_with_joins(&mut self, TableWithJoins { relation, joins }: &TableWithJoins) {
        self.table(relation);
        for Join { relation, global, join_operator } in joins {
            self.refuse_clauses(relation.span(), &[("GLOBAL", *global)]);
            self.table(relation);
            self.join(relation, join_operator);
        }
    }

    fn join(&mut self, relation: &TableFactor, operator: &JoinOperator) {
        use JoinOperator as J;
        let (J::Join(constraint)
        | J::Inner(constraint)
        | J::Left(constraint)
        | J::LeftOuter(constraint)
        | J::Right(constraint)
        | J::RightOuter(constraint)
        | J::FullOuter(constraint)
        | J::CrossJoin(constraint)
        | J::Semi(constraint)
        | J::LeftSemi(constraint)
        | J::Anti(constraint)
        | J::LeftAnti(constraint)) = operator
        else {
            return self.refuse(relation.span(), "this kind of join is not supported", "write JOIN or LEFT JOIN");
        };
        match constraint {
            JoinConstraint::On(condition) => self.expression(condition),
            JoinConstraint::Using(_) | JoinConstraint::None => {}
            JoinConstraint::Natural => {
                self.refuse(relation.span(), "NATURAL JOIN is not supported", "name the columns with ON or USING");
            }
        }
    }

    fn table(&mut self, table: &TableFactor) {
        let at = table.span();
        match table {
            TableFactor::Table {
                name,
                alias,
                args,
                with_hints,
                version,
                with_ordinality,
                partitions,
                json_path,
                sample,
                index_hints,
            } => {
                if args.is_some() {
                    let message = format!("the table function `{}` is not allowed", shortened(&name.to_string()));
                    return self.refuse(at, message, "declare the file as a source and name the source");
                }
                self.refuse_clauses(
                    at,
                    &[
                        ("WITH", !with_hints.is_empty() || *with_ordinality),
                        ("a version of a table", version.is_some()),
                        ("PARTITION", !partitions.is_empty()),
                        ("a path", json_path.is_some()),
                        ("TABLESAMPLE", sample.is_some()),
                        ("an index hint", !index_hints.is_empty()),
                    ],
                );
                self.alias(alias.as_ref());
                self.table_name(name, at);
            }
            TableFactor::Derived { lateral, subquery, alias, sample } => {
                self.refuse_clauses(at, &[("LATERAL", *lateral), ("TABLESAMPLE", sample.is_some())]);
                self.alias(alias.as_ref());
                self.query(subquery);
            }
            TableFactor::NestedJoin { table_with_joins, alias } => {
                self.alias(alias.as_ref());
                self.table_with_joins(table_with_joins);
            }
            _ => self.refuse(at, "only sources and subqueries can be read", "name a declared source"),
        }
    }

    fn alias(&mut self, alias: Option<&TableAlias>) {
        let Some(TableAlias { explicit: _, name, columns, at }) = alias else { return };
        self.refuse_clauses(name.span, &[("a list of columns", !columns.is_empty()), ("AT", at.is_some())]);
    }

    fn table_name(&mut self, name: &ObjectName, at: sqlparser::tokenizer::Span) {
        let [ObjectNamePart::Identifier(Ident { value, .. })] = name.0.as_slice() else {
            let message = format!("`{}` is not the name of a source", shortened(&name.to_string()));
            return self.refuse(at, message, "name a declared source, without a schema");
        };
        if self.scopes.iter().flatten().any(|known| known == value) {
            return;
        }
        let Some(source) = Name::parse(value) else {
            let message = format!("`{}` is not the name of a source", shortened(value));
            return self.refuse(at, message, "files are declared under `sources`, and queries name the source");
        };
        if !self.tables.iter().any(|(known, _)| *known == source) {
            self.tables.push((source, sql_text::place_of(at, self.place)));
        }
    }
}
