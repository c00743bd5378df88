//! Names of HTML, SVG and CSS that make a browser run or load something.
//!
//! From the HTML Living Standard (elements, event handler content attributes), SVG 2, SMIL and the documentation of
//! the older browsers that had more of them.

/// Elements that run or load something by being there.
const ACTIVE: &[&str] = &[
    "script",
    "iframe",
    "frame",
    "frameset",
    "object",
    "embed",
    "applet",
    "base",
    "meta",
    "link",
    "style",
    "xml",
    "import",
    "animate",
    "animation",
    "animatetransform",
    "animatemotion",
    "set",
    "handler",
    "listener",
    "isindex",
    "bgsound",
    "layer",
    "ilayer",
    "foreignobject",
    "vmlframe",
    "noscript",
    "portal",
    "fencedframe",
    "comment",
    "xss",
    "noembed",
    "plaintext",
    "xmp",
    "stylesheet",
    "htmlfile",
    "svg",
    "math",
    "form",
    "input",
    "button",
    "textarea",
    "select",
    "keygen",
    "marquee",
];

/// Of those, the ones that no generic type, header file or text in angle brackets is named like.
const UNMISTAKABLE: &[&str] = &[
    "script", "iframe", "frameset", "applet", "bgsound", "ilayer", "isindex", "vmlframe",
    "noscript", "style",
];

/// What events are called after their `on`: whole names and beginnings of families.
const EVENTS: &[&str] = &[
    "abort",
    "activate",
    "after",
    "animation",
    "aux",
    "audio",
    "auxclick",
    "before",
    "begin",
    "blocked",
    "blur",
    "bounce",
    "cached",
    "can",
    "cancel",
    "canplay",
    "cell",
    "change",
    "checking",
    "click",
    "close",
    "complete",
    "content",
    "context",
    "control",
    "copy",
    "cue",
    "cut",
    "data",
    "dbl",
    "deactivate",
    "device",
    "drag",
    "drop",
    "duration",
    "emptied",
    "end",
    "ended",
    "error",
    "exit",
    "fetch",
    "filter",
    "finish",
    "focus",
    "form",
    "fullscreen",
    "gesture",
    "gotpointer",
    "hash",
    "hashchange",
    "help",
    "hover",
    "input",
    "invalid",
    "key",
    "language",
    "layout",
    "load",
    "lose",
    "lost",
    "media",
    "message",
    "mouse",
    "move",
    "mute",
    "no",
    "offline",
    "online",
    "orientation",
    "out",
    "page",
    "paste",
    "pause",
    "play",
    "pointer",
    "pop",
    "progress",
    "property",
    "ready",
    "readystate",
    "redo",
    "repeat",
    "reset",
    "resize",
    "resume",
    "reverse",
    "row",
    "scroll",
    "search",
    "security",
    "seek",
    "select",
    "show",
    "slot",
    "stalled",
    "start",
    "stop",
    "storage",
    "submit",
    "suspend",
    "sync",
    "time",
    "toggle",
    "touch",
    "track",
    "transition",
    "undo",
    "unhandled",
    "unload",
    "update",
    "url",
    "volume",
    "waiting",
    "webkit",
    "wheel",
    "zoom",
    "qt_",
    "visibility",
    "install",
    "begin",
];

/// Attributes whose value is an address.
const ADDRESSES: &[&str] = &[
    "href",
    "src",
    "action",
    "formaction",
    "data",
    "xlink:href",
    "poster",
    "background",
    "dynsrc",
    "lowsrc",
    "code",
    "codebase",
    "cite",
    "longdesc",
    "values",
    "to",
    "from",
    "ping",
    "folder",
    "manifest",
    "content",
    "classid",
    "profile",
    "archive",
    "usemap",
    "icon",
    "url",
    "value",
    "by",
    "srcset",
    "handler",
    "object",
    "target",
    "base",
    "html",
    "style",
];

/// Elements whose end tag leaves the place in the page where text stands.
const STRUCTURE: &[&str] = &["script", "style", "body", "html", "noscript"];

/// Whether ending the element breaks out of where text stands.
pub(super) fn is_structure(name: &[u8]) -> bool {
    among(STRUCTURE, name)
}

fn among(list: &[&str], name: &[u8]) -> bool {
    list.iter()
        .any(|entry| entry.as_bytes().eq_ignore_ascii_case(name))
}

/// Whether an element of this name is active content.
pub(super) fn is_active(name: &[u8]) -> bool {
    among(ACTIVE, name)
}

/// Whether the name in angle brackets can only be the element.
pub(super) fn is_unmistakable(name: &[u8]) -> bool {
    among(UNMISTAKABLE, name)
}

/// Whether an attribute of this name is an address.
pub(super) fn is_address(name: &[u8]) -> bool {
    let local = name
        .iter()
        .rposition(|&byte| byte == b':')
        .map_or(name, |colon| &name[colon + 1..]);
    among(ADDRESSES, name) || among(ADDRESSES, local)
}

/// Whether the name is an event handler of some browser.
pub(super) fn is_handler(name: &[u8]) -> bool {
    let Some(event) = name
        .get(2..)
        .filter(|event| event.len() >= 3 && name[..2].eq_ignore_ascii_case(b"on"))
    else {
        return false;
    };
    event
        .iter()
        .all(|&byte| byte.is_ascii_alphabetic() || byte == b'_')
        && EVENTS.iter().any(|entry| {
            event
                .get(..entry.len())
                .is_some_and(|head| head.eq_ignore_ascii_case(entry.as_bytes()))
        })
}
