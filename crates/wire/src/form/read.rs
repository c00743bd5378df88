//! From the parameters of a form to the value of a shape.

use palisade_model::{
    ListShape, MapShape, Member, Reference, ServiceModel, ShapeId, ShapeKind, Structure,
    StructureShape, TimestampFormat, Value,
};

use super::pairs::Pair;
use crate::MAX_DEPTH;
use crate::checks::{check_union, refuse_repeated};
use crate::error::{WireError, quote};
use crate::scalar;

/// Which of the two form protocols names the parameters.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dialect {
    /// Query: lists have a `member` level unless flattened; unknown parameters are passed over.
    Query,
    /// EC2: no levels in lists, capitalised names; unknown parameters are refused.
    Ec2,
}

/// Reads a structure from sorted parameters, `Action` and the like among them.
pub(crate) fn read(
    model: &ServiceModel,
    dialect: Dialect,
    shape: &StructureShape,
    pairs: &[Pair<'_>],
) -> Result<Structure, WireError> {
    let reader = Reader { model, dialect };
    let root = Node { pairs, start: 0 };
    reader.structure(shape, root, 0)
}

struct Reader<'m> {
    model: &'m ServiceModel,
    dialect: Dialect,
}

/// The parameters whose names begin with the same segments.
#[derive(Clone, Copy)]
struct Node<'p> {
    pairs: &'p [Pair<'p>],
    /// Where the next segment of the names starts; 0 at the root.
    start: usize,
}

impl<'p> Node<'p> {
    /// The name of the node: what all its parameters begin with.
    fn name(self) -> &'p str {
        let first = self.pairs.first().map_or("", |(key, _)| key.as_ref());
        first.get(..self.start.saturating_sub(1)).unwrap_or(first)
    }

    /// The value of the parameter that has exactly the name of the node; it sorts first.
    fn own(self) -> Option<&'p str> {
        let (key, value) = self.pairs.first()?;
        (key.len() < self.start).then_some(value.as_ref())
    }

    /// The parameters below, by their next segment.
    fn children(self) -> impl Iterator<Item = (&'p str, Node<'p>)> {
        let mut rest = self.pairs;
        if self.own().is_some() {
            rest = rest.get(1..).unwrap_or_default();
        }
        let start = self.start;
        std::iter::from_fn(move || {
            let (key, _) = rest.first()?;
            let segment = segment(key, start);
            let count = rest
                .iter()
                .take_while(|(key, _)| self::segment(key, start) == segment)
                .count();
            let (group, others) = rest.split_at_checked(count)?;
            rest = others;
            Some((
                segment,
                Node {
                    pairs: group,
                    start: start + segment.len() + 1,
                },
            ))
        })
    }
}

fn segment(key: &str, start: usize) -> &str {
    let rest = key.get(start..).unwrap_or_default();
    rest.split('.').next().unwrap_or_default()
}

impl Reader<'_> {
    fn structure(
        &self,
        shape: &StructureShape,
        node: Node<'_>,
        depth: usize,
    ) -> Result<Structure, WireError> {
        if depth > MAX_DEPTH {
            return Err(WireError::TooDeep);
        }
        if node.own().is_some_and(|own| !own.is_empty()) {
            return Err(unexpected(node));
        }
        let mut structure = Structure::new();
        for (name, child) in node.children() {
            match self.member(shape, name) {
                Some(member) => structure
                    .fields
                    .push((member.name, self.value(member, child, depth)?)),
                None if self.passes_over(name, depth) => {}
                None => return Err(WireError::UnknownParameter(quote(child.name()))),
            }
        }
        check_union(shape, &structure)?;
        Ok(structure)
    }

    /// The member that a segment names.
    fn member<'s>(&self, shape: &'s StructureShape, name: &str) -> Option<&'s Member> {
        match self.dialect {
            Dialect::Query => shape.member_on_wire(name),
            Dialect::Ec2 => shape
                .members()
                .iter()
                .find(|member| is_ec2_name(member, name)),
        }
    }

    fn passes_over(&self, name: &str, depth: usize) -> bool {
        // The signature of a presigned request stands among the parameters.
        let outside = matches!(name, "Action" | "Version") || name.starts_with("X-Amz-");
        self.dialect == Dialect::Query || (depth == 0 && outside)
    }

    fn value(&self, member: &Member, node: Node<'_>, depth: usize) -> Result<Value, WireError> {
        self.shape(
            member.shape,
            member.timestamp_format,
            member.flattened,
            node,
            depth + 1,
        )
    }

    fn entry(&self, entry: &Reference, node: Node<'_>, depth: usize) -> Result<Value, WireError> {
        self.shape(entry.shape, entry.timestamp_format, false, node, depth + 1)
    }

    fn shape(
        &self,
        id: ShapeId,
        format: Option<TimestampFormat>,
        flattened: bool,
        node: Node<'_>,
        depth: usize,
    ) -> Result<Value, WireError> {
        if depth > MAX_DEPTH {
            return Err(WireError::TooDeep);
        }
        match &self.model.shape(id).kind {
            ShapeKind::Structure(shape) => self.structure(shape, node, depth).map(Value::Structure),
            ShapeKind::List(shape) => self.list(shape, flattened, node, depth),
            ShapeKind::Map(shape) => self.map(shape, flattened, node, depth),
            _ => match (node.own(), node.pairs) {
                (Some(text), [_]) => scalar::parse(
                    self.model,
                    id,
                    format.unwrap_or(TimestampFormat::Iso8601),
                    text,
                ),
                _ => Err(unexpected(node)),
            },
        }
    }

    fn list(
        &self,
        shape: &ListShape,
        flattened: bool,
        node: Node<'_>,
        depth: usize,
    ) -> Result<Value, WireError> {
        let level = match self.dialect {
            Dialect::Query if !flattened && !shape.flattened => {
                Some(shape.member.location_name.unwrap_or("member"))
            }
            _ => None,
        };
        let members = indexed(node, level)?;
        members
            .into_iter()
            .map(|(_, member)| self.entry(&shape.member, member, depth))
            .collect::<Result<_, _>>()
            .map(Value::List)
    }

    fn map(
        &self,
        shape: &MapShape,
        flattened: bool,
        node: Node<'_>,
        depth: usize,
    ) -> Result<Value, WireError> {
        let level = (!flattened && !shape.flattened).then_some("entry");
        let key_name = shape.key.location_name.unwrap_or("key");
        let value_name = shape.value.location_name.unwrap_or("value");
        let mut entries: Vec<(String, Value)> = Vec::new();
        for (_, entry) in indexed(node, level)? {
            let (mut key, mut value) = (None, Value::Null);
            for (name, child) in entry.children() {
                if name == key_name {
                    key = child.own().map(str::to_owned);
                } else if name == value_name {
                    value = self.entry(&shape.value, child, depth)?;
                } else {
                    return Err(unexpected(child));
                }
            }
            entries.push((key.ok_or_else(|| unexpected(entry))?, value));
        }
        refuse_repeated(&entries)?;
        Ok(Value::Map(entries))
    }
}

/// The members of a list by their numbers, in order; they need not be without gaps.
///
/// `level` is the segment between the list's name and the numbers, if there is one.
fn indexed<'p>(node: Node<'p>, level: Option<&str>) -> Result<Vec<(u32, Node<'p>)>, WireError> {
    // An empty list is sent as the bare name.
    if node.own().is_some_and(|own| !own.is_empty()) {
        return Err(unexpected(node));
    }
    let mut members = Vec::new();
    let mut collect = |node: Node<'p>| {
        for (name, child) in node.children() {
            let number = name
                .bytes()
                .all(|byte| byte.is_ascii_digit())
                .then(|| name.parse().ok());
            match number.flatten() {
                Some(number) => members.push((number, child)),
                None => return Err(WireError::value(name, "index")),
            }
        }
        Ok(())
    };
    match level {
        None => collect(node)?,
        Some(level) => {
            for (name, child) in node.children() {
                if name != level || child.own().is_some() {
                    return Err(unexpected(child));
                }
                collect(child)?;
            }
        }
    }
    members.sort_by_key(|(number, _)| *number);
    match members
        .windows(2)
        .find(|pair| matches!(pair, [(a, _), (b, _)] if a == b))
    {
        // `1` and `01` are the same member.
        Some([(_, member), ..]) => Err(WireError::duplicate(member.name())),
        _ => Ok(members),
    }
}

/// EC2 capitalises names on the wire; some clients leave a member's own name as it is.
fn is_ec2_name(member: &Member, name: &str) -> bool {
    if let Some(query_name) = member.query_name {
        return query_name == name;
    }
    let wire_name = member.wire_name();
    let split = wire_name.chars().next().map_or(0, char::len_utf8);
    let (first, rest) = wire_name.split_at(split);
    let is_capitalised = name.strip_suffix(rest).is_some_and(|start| {
        start
            .bytes()
            .eq(first.bytes().map(|byte| byte.to_ascii_uppercase()))
    });
    is_capitalised || (member.location_name.is_none() && member.name == name)
}

fn unexpected(node: Node<'_>) -> WireError {
    WireError::Value(format!(
        "the value of {} is not of its type",
        quote(node.name())
    ))
}
