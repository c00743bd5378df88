//! Paths with labels: `/{Bucket}/{Key+}?uploads`.

/// A parsed `requestUri`.
#[derive(Debug)]
pub(crate) struct Template {
    segments: Vec<Segment>,
    /// Query parameters that are part of the template, with their values if these count.
    pub literals: Vec<(&'static str, Option<&'static str>)>,
}

#[derive(Debug)]
enum Segment {
    Literal(&'static str),
    Label(&'static str),
    Greedy(&'static str),
}

impl Template {
    /// Parses a template of a model.
    pub(crate) fn parse(uri: &'static str) -> Self {
        let (path, query) = uri.split_once('?').unwrap_or((uri, ""));
        let segments = path
            .split('/')
            .filter(|segment| !segment.is_empty())
            .map(|segment| {
                match segment
                    .strip_prefix('{')
                    .and_then(|label| label.strip_suffix('}'))
                {
                    None => Segment::Literal(segment),
                    Some(label) => match label.strip_suffix('+') {
                        None => Segment::Label(label),
                        Some(label) => Segment::Greedy(label),
                    },
                }
            });
        let literals = query
            .split('&')
            .filter(|pair| !pair.is_empty())
            .map(|pair| {
                pair.split_once('=')
                    .map_or((pair, None), |(key, value)| (key, Some(value)))
            });
        Self {
            segments: segments.collect(),
            literals: literals.collect(),
        }
    }

    /// How many segments of the path are not labels: the more, the more specific.
    pub(crate) fn specificity(&self) -> usize {
        self.segments
            .iter()
            .filter(|segment| matches!(segment, Segment::Literal(_)))
            .count()
    }

    /// False when no path with so many slashes is one of the template's: the quick way to pass
    /// over most templates.
    pub(crate) fn may_fit(&self, slashes: usize) -> bool {
        let segments = self.segments.len();
        let is_greedy = self
            .segments
            .iter()
            .any(|segment| matches!(segment, Segment::Greedy(_)));
        // One more may stand at the end, and the root has one of its own.
        slashes >= segments && (is_greedy || slashes <= segments + 1)
    }

    /// True when the path is one of the template's.
    pub(crate) fn fits(&self, path: &str) -> bool {
        self.labels(path, |_, _| ())
    }

    /// Gives the labels of a path and their texts, still encoded, if it is one of the template's.
    /// A slash at the end counts only where it is part of a greedy label.
    pub(crate) fn labels<'p>(
        &self,
        path: &'p str,
        mut found: impl FnMut(&'static str, &'p str),
    ) -> bool {
        let Some(path) = path.strip_prefix('/') else {
            return false;
        };
        let whole = self.matches(path, &mut |_, _| ());
        let path = if whole {
            path
        } else {
            path.strip_suffix('/').unwrap_or(path)
        };
        self.matches(path, &mut found)
    }

    fn matches<'p>(&self, path: &'p str, found: &mut impl FnMut(&'static str, &'p str)) -> bool {
        let mut rest = Some(path).filter(|path| !path.is_empty());
        for (index, segment) in self.segments.iter().enumerate() {
            let Some(path) = rest else { return false };
            let after = self.segments.len() - index - 1;
            let (text, others) = match segment {
                Segment::Greedy(_) => leave(path, after),
                _ => path
                    .split_once('/')
                    .map_or((path, None), |(text, rest)| (text, Some(rest))),
            };
            match segment {
                Segment::Literal(literal) if *literal == text => {}
                Segment::Label(label) | Segment::Greedy(label) if !text.is_empty() => {
                    found(label, text);
                }
                _ => return false,
            }
            rest = others;
        }
        rest.is_none()
    }
}

/// Splits a path so that so many segments are left for what follows a greedy label.
fn leave(path: &str, after: usize) -> (&str, Option<&str>) {
    let cut = path
        .rmatch_indices('/')
        .nth(after.wrapping_sub(1))
        .map(|(at, _)| at);
    match cut.and_then(|at| path.split_at_checked(at)) {
        Some((text, rest)) => (text, rest.get(1..)),
        None => (path, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(template: &'static str, path: &str) -> Option<Vec<(String, String)>> {
        let mut labels = Vec::new();
        let template = Template::parse(template);
        let fits = template.labels(path, |label, text| labels.push((label.into(), text.into())));
        fits.then_some(labels)
    }

    fn one(label: &str, text: &str) -> (String, String) {
        (label.into(), text.into())
    }

    #[test]
    fn labels_take_a_segment_and_greedy_ones_the_rest() {
        assert_eq!(labels("/a/{B}", "/a/x%2Fy"), Some(vec![one("B", "x%2Fy")]));
        assert_eq!(
            labels("/{B}/{K+}", "/b//k/"),
            Some(vec![one("B", "b"), one("K", "/k/")])
        );
        assert_eq!(labels("/{K+}/end", "/x/y/end"), Some(vec![one("K", "x/y")]));
    }

    #[test]
    fn a_slash_at_the_end_of_a_path_does_not_count() {
        assert_eq!(labels("/{B}", "/b/"), Some(vec![one("B", "b")]));
        assert_eq!(labels("/{B}/{K+}", "/b/"), None);
        assert_eq!(labels("/", "/"), Some(vec![]));
        assert_eq!(labels("/a/", "/a"), Some(vec![]));
    }

    #[test]
    fn other_paths_do_not_fit() {
        for (template, path) in [
            ("/a", "/b"),
            ("/a", "/a/b"),
            ("/a/{B}", "/a"),
            ("/a/{B}", "/a//"),
            ("/", ""),
            ("/{K+}/end", "/end"),
        ] {
            assert_eq!(labels(template, path), None, "{template} {path}");
        }
    }

    #[test]
    fn query_literals_are_kept() {
        let template = Template::parse("/{B}?select&select-type=2");
        assert_eq!(
            template.literals,
            [("select", None), ("select-type", Some("2"))]
        );
    }
}
