//! JSON by recursive descent over a list of tokens.

/// A key or a value, and the path to what holds it (a key's: its object; a value's: itself).
pub struct Element {
    pub is_key: bool,
    pub path: Vec<Vec<u8>>,
    pub text: Vec<u8>,
}

#[derive(Clone, Debug, PartialEq)]
enum Token {
    Mark(char),
    Text(Vec<u8>),
    /// A string without end: the last token there is.
    Open(Vec<u8>),
    Scalar(Vec<u8>),
    Broken,
}

/// The elements up to the first thing that is no JSON, and whether there was none.
pub fn read(body: &[u8]) -> (Vec<Element>, bool) {
    let mut reader = Reader {
        tokens: tokens(body),
        at: 0,
        elements: Vec::new(),
    };
    let whole = match reader.tokens.first() {
        Some(Token::Mark('{' | '[')) => {
            reader.value(vec![]).is_some() && reader.at == reader.tokens.len()
        }
        _ => false,
    };
    (reader.elements, whole)
}

struct Reader {
    tokens: Vec<Token>,
    at: usize,
    elements: Vec<Element>,
}

impl Reader {
    fn next(&mut self) -> Option<Token> {
        self.at += 1;
        self.tokens.get(self.at - 1).cloned()
    }

    fn value(&mut self, path: Vec<Vec<u8>>) -> Option<()> {
        match self.next()? {
            Token::Mark('{') => self.object(path),
            Token::Mark('[') => self.array(path),
            Token::Text(text) | Token::Scalar(text) => {
                self.elements.push(Element {
                    is_key: false,
                    path,
                    text,
                });
                Some(())
            }
            Token::Open(text) => {
                self.elements.push(Element {
                    is_key: false,
                    path,
                    text,
                });
                None
            }
            _ => None,
        }
    }

    fn object(&mut self, path: Vec<Vec<u8>>) -> Option<()> {
        loop {
            match self.next()? {
                Token::Mark('}') => return Some(()),
                Token::Mark(',') => {}
                Token::Text(key) => {
                    self.elements.push(Element {
                        is_key: true,
                        path: path.clone(),
                        text: key.clone(),
                    });
                    while self.tokens.get(self.at) == Some(&Token::Mark(':')) {
                        self.at += 1;
                    }
                    self.value([path.clone(), vec![key]].concat())?;
                }
                Token::Open(key) => {
                    self.elements.push(Element {
                        is_key: true,
                        path,
                        text: key,
                    });
                    return None;
                }
                _ => return None,
            }
        }
    }

    fn array(&mut self, path: Vec<Vec<u8>>) -> Option<()> {
        let mut index = 0;
        loop {
            match self.tokens.get(self.at)? {
                Token::Mark(']') => {
                    self.at += 1;
                    return Some(());
                }
                Token::Mark(',') => self.at += 1,
                _ => {
                    self.value([path.clone(), vec![index.to_string().into_bytes()]].concat())?;
                    index += 1;
                }
            }
        }
    }
}

fn tokens(body: &[u8]) -> Vec<Token> {
    let (mut list, mut at) = (Vec::new(), 0);
    while at < body.len() {
        let rest = &body[at..];
        match rest[0] {
            b' ' | b'\t' | b'\r' | b'\n' => at += 1,
            mark @ (b'{' | b'}' | b'[' | b']' | b',' | b':') => {
                list.push(Token::Mark(mark as char));
                at += 1;
            }
            b'"' => {
                let (text, length, ended) = string(&rest[1..]);
                at += 1 + length;
                list.push(if ended {
                    Token::Text(text)
                } else {
                    Token::Open(text)
                });
                if !ended {
                    return list;
                }
            }
            b'-' | b'0'..=b'9' => {
                let length = rest
                    .iter()
                    .take_while(|byte| b"0123456789+-.eE".contains(byte))
                    .count();
                list.push(Token::Scalar(rest[..length].to_vec()));
                at += length;
            }
            _ => match ["true", "false", "null"]
                .iter()
                .find(|word| rest.starts_with(word.as_bytes()))
            {
                Some(word) => {
                    list.push(Token::Scalar(word.as_bytes().to_vec()));
                    at += word.len();
                }
                None => {
                    list.push(Token::Broken);
                    return list;
                }
            },
        }
    }
    list
}

/// The text of a string, how many bytes it takes, and whether it ends.
fn string(rest: &[u8]) -> (Vec<u8>, usize, bool) {
    let (mut text, mut at) = (Vec::new(), 0);
    while at < rest.len() {
        match (rest[at], rest.get(at + 1)) {
            (b'"', _) => return (text, at + 1, true),
            (b'\\', Some(b'u')) => {
                let unit = |from: usize| {
                    let digits = rest
                        .get(from..from + 4)
                        .filter(|digits| digits.iter().all(u8::is_ascii_hexdigit))?;
                    u16::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
                };
                let Some(first) = unit(at + 2) else {
                    return (text, rest.len(), false);
                };
                let second = rest[at + 6..]
                    .starts_with(b"\\u")
                    .then(|| unit(at + 8))
                    .flatten();
                let pair = second.and_then(|second| {
                    char::decode_utf16([first, second])
                        .next()
                        .and_then(Result::ok)
                        .filter(|c| c.len_utf16() == 2)
                });
                let one = char::from_u32(u32::from(first)).unwrap_or('\u{FFFD}');
                text.extend(pair.unwrap_or(one).to_string().bytes());
                at += if pair.is_some() { 12 } else { 6 };
            }
            (b'\\', Some(letter)) => {
                let known = b"\"\\/bfnrt".iter().position(|known| known == letter);
                let Some(index) = known else {
                    return (text, rest.len(), false);
                };
                text.push(b"\"\\/\x08\x0c\n\r\t"[index]);
                at += 2;
            }
            (b'\\', None) => return (text, rest.len(), false),
            (byte, _) => {
                text.push(byte);
                at += 1;
            }
        }
    }
    (text, rest.len(), false)
}
