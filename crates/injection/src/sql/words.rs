//! The words of SQL: the keywords of the grammar and the names of functions and catalogues.
//!
//! From the manuals of MySQL, PostgreSQL, SQL Server, Oracle, SQLite and DB2.

/// What a word is to the grammar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Word {
    /// A name of something, or a word of any language.
    Name,
    /// A name in backticks or brackets.
    Quoted,
    /// A word of English that is no name in any schema.
    Prose,
    Or,
    And,
    Xor,
    Not,
    Union,
    All,
    Select,
    From,
    Where,
    Having,
    Group,
    Order,
    By,
    Limit,
    Into,
    File,
    /// `LIKE RLIKE REGEXP …`: comparisons written in letters.
    Like,
    Sounds,
    Between,
    In,
    Is,
    Null,
    Bool,
    /// `DIV MOD COLLATE`: operators written in letters.
    Div,
    Case,
    When,
    End,
    /// `BINARY`, before an operand.
    Unary,
    As,
    Join,
    Insert,
    Update,
    Set,
    Delete,
    /// `DROP ALTER CREATE TRUNCATE RENAME`.
    Define,
    /// `TABLE DATABASE …`: what is defined.
    Object,
    Exec,
    Declare,
    Waitfor,
    Delay,
    Shutdown,
    Procedure,
    Values,
    Exists,
    For,
    If,
    Begin,
    Use,
    Load,
    Type,
    Top,
    Goto,
    Do,
    Descending,
    Quantifier,
    /// A function that only SQL has.
    Function,
    /// A function whose name other languages have too.
    Common,
    /// A function that tells about the server, or its name without brackets.
    About,
    /// A function that waits, reads files, runs commands or raises errors with data in them.
    Dangerous,
    /// A table of the catalogue.
    Catalogue,
}

impl Word {
    /// Whether the word joins what is before it to what comes after.
    pub(super) fn joins(self) -> bool {
        use Word::*;
        matches!(
            self,
            Or | And
                | Xor
                | Union
                | Like
                | Div
                | Having
                | Group
                | Order
                | Limit
                | Where
                | Between
                | In
                | Is
                | From
                | Into
                | Waitfor
                | As
                | Select
                | Procedure
                | For
        )
    }

    /// Whether the word can stand where a name stands.
    pub(super) fn is_name(self) -> bool {
        use Word::*;
        matches!(
            self,
            Name | Quoted
                | Function
                | Common
                | About
                | Dangerous
                | Catalogue
                | Type
                | File
                | Object
                | Values
                | Delay
                | Top
                | Begin
                | End
                | Goto
                | Do
                | Use
                | Load
                | Declare
                | Shutdown
                | Exec
                | Sounds
                | Unary
                | If
                | Set
        )
    }
}

type Row = (Word, &'static str);

const ROWS: &[Row] = &[
    (Word::Or, "or"),
    (Word::And, "and"),
    (Word::Xor, "xor"),
    (Word::Not, "not"),
    (Word::Union, "union intersect except minus"),
    (Word::All, "all distinct distinctrow"),
    (Word::Select, "select"),
    (Word::From, "from"),
    (Word::Where, "where"),
    (Word::Having, "having"),
    (Word::Group, "group"),
    (Word::Order, "order"),
    (Word::By, "by"),
    (Word::Limit, "limit offset fetch"),
    (Word::Into, "into"),
    (Word::File, "outfile dumpfile"),
    (Word::Like, "like rlike regexp ilike glob similar"),
    (Word::Sounds, "sounds"),
    (Word::Between, "between"),
    (Word::In, "in"),
    (Word::Is, "is isnull notnull"),
    (Word::Null, "null"),
    (Word::Bool, "true false unknown"),
    (Word::Div, "div mod collate"),
    (Word::Case, "case"),
    (Word::When, "when then else"),
    (Word::End, "end"),
    (Word::Unary, "binary"),
    (Word::As, "as"),
    (Word::Join, "join inner natural"),
    (Word::Insert, "insert replace merge"),
    (Word::Update, "update"),
    (Word::Set, "set"),
    (Word::Delete, "delete"),
    (
        Word::Define,
        "drop alter create truncate rename grant revoke",
    ),
    (
        Word::Object,
        "table database schema view index function trigger user role login sequence type column tablespace",
    ),
    (Word::Exec, "exec execute"),
    (Word::Declare, "declare"),
    (Word::Waitfor, "waitfor"),
    (Word::Delay, "delay"),
    (Word::Shutdown, "shutdown"),
    (Word::Procedure, "procedure"),
    (Word::Values, "values"),
    (Word::Exists, "exists"),
    (Word::For, "for"),
    (Word::If, "if"),
    (Word::Begin, "begin"),
    (Word::Use, "use"),
    (Word::Load, "load"),
    (
        Word::Type,
        "varchar nvarchar char nchar int integer bigint numeric decimal varbinary text cursor date signed unsigned",
    ),
    (Word::Top, "top"),
    (Word::Goto, "goto"),
    (Word::Do, "do handler call kill"),
    (Word::Descending, "asc desc"),
    (Word::Quantifier, "any some"),
    (
        Word::Function,
        "ascii substring substr concat concat_ws group_concat unhex ifnull nullif isnull nvl coalesce elt find_in_set \
         make_set field substring_index mid char_length character_length octet_length bit_length lcase ucase \
         ltrim rtrim chr unicode nchar charindex patindex quotename stuff datalength cast convert \
         to_char to_number to_date rawtohex hextoraw instr locate position strcmp aes_encrypt aes_decrypt des_encrypt \
         des_decrypt old_password from_base64 to_base64 crc32 randomblob zeroblob quote typeof \
         regexp_substring regexp_replace regexp_like generate_series array_agg array_to_json string_agg xmltype \
         row_to_json json_keys json_extract json_depth json_length json_value json_array json_object json_table \
         object_id object_name col_name col_length is_srvrolemember is_member has_dbaccess serverproperty \
         database_to_xml query_to_xml current_setting pg_read_file listagg wm_concat \
         translate decode to_hex get_byte name_const greatest least analyse row_count found_rows last_insert_id \
         uncompress compress ord pi iif sqlite_version load_extension unistr makedate",
    ),
    (
        Word::Common,
        "abs acos asin atan ceil ceiling cos count exp floor hex left length len lower ln log max md5 min now pow \
         power rand random repeat reverse right round rpad lpad sha1 sha2 sign sin space sqrt sum tan trim upper \
         avg encode date_format sysdate curdate curtime conv bin oct interval getdate variance std",
    ),
    (
        Word::About,
        "version database current_user session_user system_user user_name suser_sname suser_name db_name db_id \
         current_database current_schema current_schemas connection_id host_name inet_server_addr current_catalog \
         current_role pg_backend_pid",
    ),
    (
        Word::Dangerous,
        "sleep benchmark pg_sleep load_file extractvalue updatexml xp_cmdshell xp_dirtree xp_regread xp_fileexist \
         sp_executesql sp_oacreate sp_oamethod sp_password sp_makewebtask sp_addextendedproc openrowset opendatasource \
         dbms_pipe dbms_lock dbms_utility dbms_ldap dbms_xmlgen dbms_java dbms_scheduler utl_http utl_inaddr utl_file \
         utl_smtp ctxsys httpuritype fn_varbintohexstr gtid_subset gtid_subtract st_latfromgeohash st_longfromgeohash \
         st_pointfromgeohash lo_get lo_put lo_import lo_export pg_ls_dir dblink dblink_connect  uuid_to_bin \
         geometrycollection linestring multipoint multipolygon multilinestring polygon ordsys xdburitype",
    ),
    (
        Word::Catalogue,
        "information_schema sysobjects syscolumns sysusers sysdatabases sysxlogins msysaccessobjects msysobjects \
         pg_catalog pg_user pg_shadow pg_database pg_tables pg_class pg_stat_user_tables pg_authid all_tables \
         all_tab_columns all_users user_tables user_tab_columns user_objects dba_users dba_tables dual sqlite_master \
         sqlite_schema sqlite_temp_master sysibm syscat systables v$version v$session v$database all_objects \
         all_tab_tables performance_schema",
    ),
    (
        Word::Prose,
        "the a an our your my his her their its this that these those of to with was were are been he she it we they \
         you i what who which there here very more most at be have has had will would can could \
         should may might must please such other than also but about our out up",
    ),
];

const SLOTS: usize = 2048;

/// An open-addressing table made by the compiler: (start in the row, length, row), length 0 for an empty slot.
struct Table([(u16, u8, u8); SLOTS]);

const fn hash(word: &[u8]) -> usize {
    let mut hash = 0x811c_9dc5_u32;
    let mut at = 0;
    while at < word.len() {
        hash = (hash ^ (word[at] | 0x20) as u32).wrapping_mul(0x0100_0193);
        at += 1;
    }
    ((hash ^ (hash >> 15)) as usize) % SLOTS
}

const fn part(bytes: &[u8], start: usize, end: usize) -> &[u8] {
    bytes.split_at(end).0.split_at(start).1
}

const fn build() -> Table {
    let mut table = [(0u16, 0u8, 0u8); SLOTS];
    let mut row = 0;
    while row < ROWS.len() {
        let text = ROWS[row].1.as_bytes();
        let mut start = 0;
        while start < text.len() {
            let mut end = start;
            while end < text.len() && text[end] != b' ' {
                end += 1;
            }
            if end > start {
                let mut slot = hash(part(text, start, end));
                while table[slot].1 != 0 {
                    slot = (slot + 1) % SLOTS;
                }
                table[slot] = (start as u16, (end - start) as u8, row as u8);
            }
            start = end + 1;
        }
        row += 1;
    }
    Table(table)
}

static TABLE: Table = build();

/// The longest word in the table; longer ones are names without looking.
const LONGEST: usize = 20;

/// What a word (letters, digits, underscore, dollar) is.
pub(super) fn word(text: &[u8]) -> Word {
    if text.is_empty() || text.len() > LONGEST {
        return Word::Name;
    }
    let mut slot = hash(text);
    loop {
        let (start, length, row) = TABLE.0[slot];
        if length == 0 {
            return catalogue(text);
        }
        let (kind, words) = ROWS[row as usize];
        let start = start as usize;
        if length as usize == text.len()
            && words.as_bytes()[start..start + text.len()].eq_ignore_ascii_case(text)
        {
            return kind;
        }
        slot = (slot + 1) % SLOTS;
    }
}

/// Names by their prefix: every `rdb$…` is Firebird's catalogue, every `xp_…` an extended procedure.
fn catalogue(text: &[u8]) -> Word {
    let starts = |prefix: &[u8]| {
        text.len() > prefix.len() + 1 && text[..prefix.len()].eq_ignore_ascii_case(prefix)
    };
    if starts(b"rdb$") || starts(b"mon$") {
        Word::Catalogue
    } else if starts(b"xp_") || starts(b"dbms_") || starts(b"utl_") || starts(b"sp_oa") {
        Word::Dangerous
    } else {
        Word::Name
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_found_in_any_case_and_no_word_is_longer_than_the_limit() {
        assert_eq!(word(b"SeLeCt"), Word::Select);
        assert_eq!(word(b"rdb$fields"), Word::Catalogue);
        assert_eq!(word(b"selected"), Word::Name);
        for (kind, words) in ROWS {
            for text in words.split_whitespace() {
                assert!(text.len() <= LONGEST, "{text}");
                assert!(word(text.as_bytes()) != Word::Name, "{text} is {kind:?}");
            }
        }
    }
}
