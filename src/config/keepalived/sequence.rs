//! `~SEQ` and `~LST` at the head of a line: what its variables are, in turn.

/// One repetition repeats no more than this.
const MOST_TURNS: usize = 1_000_000;

/// The head of a line that repeats the rest of it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Head<'t> {
    /// What stands between the parentheses.
    pub(super) arguments: &'t str,
    pub(super) kind: Kind,
    /// Bytes up to the closing parenthesis, and with it.
    pub(super) length: usize,
}

/// Which of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// `~SEQ`: numbers.
    Decimal,
    /// `~SEQx`: numbers, written in hexadecimal.
    Hexadecimal,
    /// `~LST`: a list.
    List,
}

/// The variables, and for each turn their values.
pub(super) type Turns = (Vec<String>, Box<dyn Iterator<Item = Vec<String>>>);

/// If a line begins with one; an error: with one that is not closed.
pub(super) fn head(line: &str) -> Option<Result<Head<'_>, &'static str>> {
    let (kind, rest) = [("~SEQx", Kind::Hexadecimal), ("~SEQ", Kind::Decimal), ("~LST", Kind::List)]
        .into_iter()
        .find_map(|(word, kind)| Some((kind, line.strip_prefix(word)?)))?;
    let inside = rest.trim_start().strip_prefix('(')?;
    // Variables in it have braces, not parentheses.
    Some(match inside.split_once(')') {
        Some((arguments, after)) => Ok(Head { arguments, kind, length: line.len() - after.len() }),
        None => Err("the `(` is not closed on this line"),
    })
}

/// What the arguments say, variables filled in.
///
/// # Errors
/// What is wrong with them.
pub(super) fn turns(kind: Kind, arguments: &str) -> Result<Turns, String> {
    match kind {
        Kind::Decimal | Kind::Hexadecimal => numbers(kind, arguments),
        Kind::List => list(arguments),
    }
}

fn numbers(kind: Kind, arguments: &str) -> Result<Turns, String> {
    let mut parts = arguments.split(',').map(str::trim);
    let name = named(parts.next().unwrap_or(""))?;
    let values = parts.map(number).collect::<Result<Vec<_>, _>>()?;
    let (start, step, end) = match values.as_slice() {
        [end] => (1, None, *end),
        [start, end] => (*start, None, *end),
        [start, step, end] => (*start, Some(*step), *end),
        _ => return Err("expected a variable, then the end, or start and end, or start, step and end".to_owned()),
    };
    let step = step.unwrap_or(if end < start { -1 } else { 1 });
    if step == 0 || (end > start) && step < 0 || (end < start) && step > 0 {
        return Err(format!("steps of {step} never lead from {start} to {end}"));
    }
    let count = (i128::from(end) - i128::from(start)) / i128::from(step) + 1;
    let count = usize::try_from(count).ok().filter(|count| *count <= MOST_TURNS);
    let count = count.ok_or_else(|| format!("no line is repeated more than {MOST_TURNS} times"))?;
    let values = (0..count).scan(start, move |next, _| {
        let value = *next;
        *next = next.saturating_add(step);
        Some(vec![if kind == Kind::Hexadecimal { format!("{value:x}") } else { value.to_string() }])
    });
    Ok((vec![name], Box::new(values)))
}

fn number(text: &str) -> Result<i64, String> {
    let (sign, digits) = text.strip_prefix('-').map_or((1, text), |digits| (-1, digits));
    let value = match digits.strip_prefix("0x") {
        Some(digits) => i64::from_str_radix(digits, 16),
        None => digits.parse(),
    };
    value
        .map(|value| sign * value)
        .map_err(|_| format!("`{}` is not a number", text.chars().take(40).collect::<String>()))
}

fn named(name: &str) -> Result<String, String> {
    if super::expand::is_name(name) {
        return Ok(name.to_owned());
    }
    Err(format!("`{}` cannot be the name of a variable", name.chars().take(40).collect::<String>()))
}

/// The parts between commas, those in braces whole.
fn parts(text: &str) -> Result<Vec<&str>, String> {
    let mut out = Vec::new();
    let (mut start, mut depth) = (0, 0_usize);
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'{' => depth += 1,
            b'}' => depth = depth.checked_sub(1).ok_or("a `}` too many")?,
            b',' if depth == 0 => {
                out.push(text.get(start..at).unwrap_or("").trim());
                start = at + 1;
            }
            _ => {}
        }
    }
    if depth > 0 {
        return Err("a `{` is not closed".to_owned());
    }
    out.push(text.get(start..).unwrap_or("").trim());
    Ok(out)
}

/// What stands in braces, if something does.
fn grouped(part: &str) -> Option<&str> {
    part.strip_prefix('{').and_then(|rest| rest.strip_suffix('}'))
}

fn list(arguments: &str) -> Result<Turns, String> {
    let mut parts = parts(arguments)?.into_iter();
    let head = parts.next().unwrap_or("");
    let names = match grouped(head) {
        Some(names) => names.split(',').map(|name| named(name.trim())).collect::<Result<Vec<_>, _>>()?,
        None => vec![named(head)?],
    };
    let several = grouped(head).is_some();
    let mut turns = Vec::new();
    for part in parts {
        let mut values: Vec<String> = match (several, grouped(part)) {
            (true, Some(inside)) => self::parts(inside)?.into_iter().map(str::to_owned).collect(),
            (true, None) => return Err(format!("`{part}` stands where a list in braces is expected")),
            (false, _) => vec![part.to_owned()],
        };
        if let Some(value) = values.iter().find(|value| value.contains(char::is_whitespace) && !value.contains("${_")) {
            return Err(format!("`{value}` has a blank in it"));
        }
        if values.len() > names.len() {
            return Err(format!("`{part}` has more values than there are variables"));
        }
        values.resize(names.len(), String::new());
        turns.push(values);
    }
    if turns.is_empty() {
        return Err("expected values after the variable".to_owned());
    }
    Ok((names, Box::new(turns.into_iter())))
}
