//! The statements by which rows change, in the words that all databases share.

use crate::model::sheet::{Column, Form, Kind, values};

/// A statement, and which values it takes.
#[derive(Debug)]
pub struct Statement {
    /// What it does, for messages.
    pub(super) doing: &'static str,
    pub(super) text: String,
    /// The columns of its values.
    order: Vec<usize>,
}

/// How a database writes the place of a value: its number, from 1, and what its column holds.
pub(super) type ValuePlace = fn(usize, Kind) -> String;

impl Statement {
    /// Adds so many rows.
    pub(super) fn insert(form: &Form, rows: usize, place: ValuePlace) -> Self {
        let width = form.columns.len();
        let row = |row: usize| {
            let places = form.columns.iter().enumerate();
            let places = places.map(|(at, column)| place(row * width + at + 1, column.kind));
            format!("({})", places.collect::<Vec<_>>().join(", "))
        };
        let rows = (0..rows).map(row).collect::<Vec<_>>().join(", ");
        let text = format!("INSERT INTO {} ({}) VALUES {rows}", form.table, form.names(", "));
        Self { doing: "take rows", text, order: (0..width).collect() }
    }

    /// Changes the row that has a row's key.
    pub(super) fn update(form: &Form, place: ValuePlace) -> Self {
        let (keys, others) = form.columns.split_at(form.keys);
        let set = equal(others, 1, place).join(", ");
        let key = equal(keys, others.len() + 1, place).join(" AND ");
        let order = (form.keys..form.columns.len()).chain(0..form.keys).collect();
        let text = format!("UPDATE {} SET {set} WHERE {key}", form.table);
        Self { doing: "change rows", text, order }
    }

    /// Removes the row that has a row's key.
    pub(super) fn delete(form: &Form, place: ValuePlace) -> Self {
        let keys = form.columns.split_at(form.keys).0;
        let key = equal(keys, 1, place).join(" AND ");
        let text = format!("DELETE FROM {} WHERE {key}", form.table);
        Self { doing: "remove rows", text, order: (0..form.keys).collect() }
    }

    /// The values of a row that it takes, in its order. Every database makes of a text what its
    /// column holds.
    pub(super) fn values(&self, line: &str) -> Vec<String> {
        let all: Vec<String> = values(line).collect();
        self.order.iter().filter_map(|at| all.get(*at).cloned()).collect()
    }
}

fn equal(columns: &[Column], first: usize, place: ValuePlace) -> Vec<String> {
    let numbered = columns.iter().zip(first..);
    numbered.map(|(column, at)| format!("{} = {}", column.name, place(at, column.kind))).collect()
}

#[cfg(test)]
mod tests {
    use super::{Column, Form, Kind, Statement};

    #[test]
    fn values_stand_in_the_order_of_their_places() {
        const COLUMNS: &[Column] = &[
            Column { name: "a", kind: Kind::Text(9) },
            Column { name: "b", kind: Kind::Flag },
            Column { name: "c", kind: Kind::Large },
        ];
        let form = Form { table: "t", keys: 1, columns: COLUMNS };
        let place = |at, _| format!("?{at}");
        let insert = Statement::insert(&form, 2, place);
        assert_eq!(insert.text, "INSERT INTO t (a, b, c) VALUES (?1, ?2, ?3), (?4, ?5, ?6)");
        assert_eq!(insert.values("x\t1\t7"), ["x", "1", "7"]);
        let update = Statement::update(&form, place);
        assert_eq!(update.text, "UPDATE t SET b = ?1, c = ?2 WHERE a = ?3");
        assert_eq!(update.values("x\t1\t7"), ["1", "7", "x"]);
        let delete = Statement::delete(&form, place);
        assert_eq!(delete.text, "DELETE FROM t WHERE a = ?1");
        assert_eq!(delete.values("x\t1\t7"), ["x"]);
    }
}
