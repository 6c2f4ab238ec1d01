//! What is asked of a message: the expressions behind `if`.

use super::parse::{DEEPEST, Reader};
use super::syntax::Expression;
use crate::source::sorters::{Part, Strange, Value};
use bstr::{BString, ByteSlice as _};

impl Reader<'_> {
    /// The expression in the brackets behind `if`.
    pub(super) fn condition(&mut self) -> Result<Expression, Strange> {
        self.pass_blanks(true);
        if self.take("(") { self.bracketed() } else { Err(self.strange("no condition is told")) }
    }

    fn bracketed(&mut self) -> Result<Expression, Strange> {
        let inner = self.either()?;
        self.pass_blanks(true);
        if self.take(")") { Ok(inner) } else { Err(self.strange("the condition asks for more")) }
    }

    fn either(&mut self) -> Result<Expression, Strange> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err(self.strange("brackets are too deep within each other"));
        }
        let mut all = vec![self.both()?];
        loop {
            self.pass_blanks(true);
            if !self.take("||") {
                break;
            }
            all.push(self.both()?);
        }
        self.depth -= 1;
        Ok(Expression::Any(all))
    }

    fn both(&mut self) -> Result<Expression, Strange> {
        let mut all = vec![self.one()?];
        loop {
            self.pass_blanks(true);
            if !self.take("&&") {
                return Ok(Expression::All(all));
            }
            all.push(self.one()?);
        }
    }

    fn one(&mut self) -> Result<Expression, Strange> {
        let mut negated = false;
        self.pass_blanks(true);
        while self.take("!") {
            negated = !negated;
            self.pass_blanks(true);
        }
        let line = self.line;
        let found = match self.peek() {
            Some(b'(') => {
                self.next();
                self.bracketed()?
            }
            Some(b'/') => self.search(line)?,
            _ if self.rest.starts_with(b"hasaddr") => {
                self.name();
                self.pass_blanks(false);
                if !self.take("(") {
                    return Err(self.strange("the condition asks for more"));
                }
                let address = self.value()?;
                self.take(")");
                Expression::Recipient { line, address }
            }
            _ => self.compared()?,
        };
        Ok(if negated { Expression::Not(Box::new(found)) } else { found })
    }

    /// `/…/`, and behind a colon letters that say where it is looked for.
    fn search(&mut self, line: u32) -> Result<Expression, Strange> {
        self.next();
        let mut pattern = BString::default();
        loop {
            match self.next() {
                Some(b'/') => break,
                Some(b'\\') if self.peek() == Some(b'/') => {
                    self.next();
                    pattern.push(b'/');
                }
                Some(b'\\') => {
                    pattern.push(b'\\');
                    pattern.extend(self.next());
                }
                None | Some(b'\n') => return Err(Strange::new(line, "a pattern does not end")),
                Some(byte) => pattern.push(byte),
            }
        }
        let options = if self.take(":") { self.name() } else { BString::default() };
        let is_known = options.iter().all(|option| b"hD".contains(option));
        if !is_known || matches!(self.peek(), Some(b',' | b'+')) {
            return Err(Strange::new(line, "it looks at more than the head, or counts"));
        }
        Ok(Expression::Search { line, pattern, exact_case: options.contains(&b'D') })
    }

    /// `$SIZE` held against a number, or a number alone.
    fn compared(&mut self) -> Result<Expression, Strange> {
        let strange = self.strange("it compares what is not known before mail comes");
        let left = self.operand()?;
        self.pass_blanks(false);
        let signs = [">=", "<=", "==", "!=", "=~", ">", "<"];
        let sign = signs.into_iter().find(|sign| self.take(sign));
        let Some(sign) = sign else {
            return number(&left).map(|n| Expression::Constant(n != 0)).ok_or(strange);
        };
        if sign == "=~" {
            return Err(strange);
        }
        self.pass_blanks(false);
        let right = self.operand()?;
        let is_size = |value: &Value| value.0 == [Part::Variable("SIZE".into())];
        let (bytes, sign) = match (is_size(&left), is_size(&right)) {
            (true, _) => (number(&right), sign),
            // The other way round.
            (_, true) => (
                number(&left),
                match sign {
                    ">" => "<",
                    "<" => ">",
                    ">=" => "<=",
                    "<=" => ">=",
                    other => other,
                },
            ),
            _ => return Ok(Expression::Compared { line: self.line, left, sign, right }),
        };
        let bytes = bytes.ok_or_else(|| strange.clone())?;
        match sign {
            ">" => Ok(Expression::Larger(bytes)),
            "<" => Ok(Expression::Smaller(bytes)),
            ">=" => Ok(Expression::Not(Box::new(Expression::Smaller(bytes)))),
            "<=" => Ok(Expression::Not(Box::new(Expression::Larger(bytes)))),
            _ => Err(strange),
        }
    }

    /// A variable, a string or a number.
    fn operand(&mut self) -> Result<Value, Strange> {
        match self.peek() {
            Some(b'0'..=b'9') => Ok(Value::text(&self.name())),
            Some(b'$') => {
                self.next();
                let braced = self.take("{");
                let name = self.name();
                if braced && !self.take("}") {
                    return Err(self.strange("a variable has no name"));
                }
                Ok(Value(vec![Part::Variable(name)]))
            }
            _ => Err(self.strange("it asks for what is not known before mail comes")),
        }
    }
}

fn number(value: &Value) -> Option<u64> {
    match value.0.as_slice() {
        [Part::Text(text)] => text.to_str().ok()?.parse().ok(),
        _ => None,
    }
}
