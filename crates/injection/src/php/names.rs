//! Names of PHP: its wrappers, its variables and its library, from its manual.

use std::collections::HashSet;
use std::sync::LazyLock;

/// Schemes of streams.
pub(super) const WRAPPERS: &[&str] = &[
    "php://",
    "phar://",
    "zip://",
    "expect://",
    "glob://",
    "compress.zlib://",
    "compress.bzip2://",
    "zlib://",
    "rar://",
    "ogg://",
    "ssh2.",
    "data://",
];

/// Variables that are there everywhere.
pub(super) const GLOBALS: &[&str] = &[
    "_get",
    "_post",
    "_server",
    "_request",
    "_cookie",
    "_files",
    "_env",
    "_session",
    "globals",
    "http_raw_post_data",
    "php_self",
    "_s erver",
];

/// Functions that PHP alone has, by the beginnings and names its manual groups them under.
pub(super) const FUNCTIONS: &[&str] = &[
    "base64_decode",
    "base64_encode",
    "file_get_contents",
    "file_put_contents",
    "shell_exec",
    "passthru",
    "proc_open",
    "phpinfo",
    "phpversion",
    "php_uname",
    "call_user_func",
    "call_user_func_array",
    "create_function",
    "gzinflate",
    "gzuncompress",
    "gzdecode",
    "str_rot13",
    "preg_replace",
    "preg_match",
    "array_map",
    "array_filter",
    "array_diff",
    "array_walk",
    "usort",
    "uasort",
    "uksort",
    "move_uploaded_file",
    "error_reporting",
    "ini_set",
    "ini_get",
    "set_time_limit",
    "str_replace",
    "htmlspecialchars",
    "unserialize",
    "var_dump",
    "print_r",
    "phpcredits",
    "get_defined_vars",
    "get_defined_functions",
    "allow_url_include",
    "allow_url_fopen",
    "auto_prepend_file",
    "register_shutdown_function",
    "pcntl_exec",
    "parse_str",
    "extract_vars",
    "fsockopen",
    "curl_exec",
    "curl_init",
    "mysql_query",
    "mysqli_query",
    "odbc_connection_string_should_quote",
    "posix_getpwuid",
    "posix_kill",
    "get_current_user",
    "getenv",
    "highlight_file",
    "show_source",
    "chr",
    "str_repeat",
    "implode",
    "is_callable",
    "func_get_args",
    "gethostbyname",
    "checkdate",
    "symlink",
    "ldap_get_entries",
    "pg_enter_pipeline_mode",
    "date_add",
    "md5_file",
    "disable_functions",
    "safe_mode",
];

/// Functions other languages have too: only with a command, a string or a variable of PHP inside.
pub(super) const SHARED: &[&str] = &["system", "exec", "popen", "eval", "assert"];

/// The families that PHP's manual groups its functions in, by the beginning of their names.
const FAMILIES: &[&str] = &[
    "apache_",
    "apc_",
    "apcu_",
    "array_",
    "bz",
    "call_user_",
    "ctype_",
    "cubrid_",
    "curl_",
    "db2_",
    "dba_",
    "dbase_",
    "debug_zval",
    "dns_get_",
    "dom_import",
    "enchant_",
    "exif_",
    "fbird_",
    "file_",
    "filegroup",
    "fileowner",
    "fileperms",
    "filter_",
    "ftp_",
    "func_",
    "geoip_",
    "gmp_",
    "gnupg_",
    "gz",
    "hash_hmac",
    "html_",
    "ibase_",
    "ifx_",
    "imagecreate",
    "imap_",
    "ingres_",
    "json_",
    "ldap_",
    "mailparse_",
    "maxdb_",
    "mb_",
    "mcrypt_",
    "mhash",
    "msql_",
    "mssql_",
    "mysql_",
    "mysqli_",
    "mysqlnd_",
    "ob_",
    "oci_",
    "odbc_",
    "opcache_",
    "openssl_",
    "pcntl_",
    "pg_",
    "php_",
    "posix_",
    "preg_",
    "proc_",
    "pspell_",
    "readline_",
    "runkit_",
    "sem_",
    "session_",
    "shell_",
    "shm_",
    "shmop_",
    "simplexml_",
    "snmp",
    "socket_",
    "sodium_",
    "spl_",
    "sqlite_",
    "sqlsrv_",
    "ssh2_",
    "str_",
    "stream_",
    "sybase_",
    "tidy_",
    "uopz_",
    "wddx_",
    "win32_",
    "wincache_",
    "xdiff_",
    "xml_",
    "xmlrpc_",
    "xmlwriter_",
    "xslt_",
    "yaml_",
    "yaz_",
    "zend_",
    "zlib_",
];

/// Functions of PHP's manual outside of these families, whose names no other language has as plain functions.
const LIBRARY: &str = " addcslashes addslashes assert_options chunk_split class_exists class_implements connection_aborted \
    convert_uudecode convert_uuencode count_chars date_default_timezone_set debug_backtrace debug_print_backtrace dechex decbin \
    define_syslog_variables disk_free_space disk_total_space ereg ereg_replace eregi eregi_replace error_log escapeshellarg escapeshellcmd \
    ezmlm_hash fgetcsv fgetss fpassthru fputcsv ftok function_exists get_cfg_var get_class_methods get_class_vars \
    get_declared_classes get_defined_constants get_extension_funcs get_headers get_html_translation_table get_include_path \
    get_included_files get_loaded_extensions get_magic_quotes_gpc get_meta_tags get_object_vars get_parent_class get_resource_type \
    gethostbyaddr gethostbynamel getimagesize getlastmod getmxrr getmygid getmyinode getmypid getmyuid getrandmax \
    header_remove headers_list headers_sent hebrev hex2bin highlight_string htmlentities http_build_query \
    idate ignore_user_abort import_request_variables ini_alter ini_get_all ini_restore intval is_a is_link is_numeric \
    is_readable is_resource is_scalar is_subclass_of is_uploaded_file is_writable is_writeable iterator_apply iterator_to_array key_exists krsort \
    lcfirst lcg_value levenshtein linkinfo long2ip magic_quotes_runtime method_exists metaphone \
    money_format mt_getrandmax mt_rand mt_srand natcasesort natsort nl2br nl_langinfo number_format \
    parse_ini_file parse_ini_string parse_url passthru pathinfo pfsockopen property_exists putenv quoted_printable_decode quotemeta \
    readfile readgzfile restore_error_handler restore_include_path rsort scandir set_error_handler \
    set_exception_handler set_file_buffer set_include_path set_magic_quotes_runtime setrawcookie settype show_source \
    similar_text soundex stripcslashes stripos stripslashes stristr strip_tags strnatcmp strrev strripos \
    strrpos strtolower strtotime strtoupper substr_compare substr_count substr_replace sys_get_temp_dir sys_getloadavg \
    token_get_all trigger_error ucfirst ucwords uniqid unregister_tick_function \
    utf8_decode utf8_encode var_export version_compare wordwrap xpath_eval ";

/// The names above by hash, made at first use.
static LIBRARY_NAMES: LazyLock<HashSet<&'static [u8]>> = LazyLock::new(|| {
    LIBRARY
        .split_ascii_whitespace()
        .map(str::as_bytes)
        .collect()
});

/// Whether the name is one of PHP's library, and of no other language's.
pub(super) fn of_library(name: &[u8]) -> bool {
    let family = |family: &&str| {
        name.len() > family.len() && name[..family.len()].eq_ignore_ascii_case(family.as_bytes())
    };
    FAMILIES.iter().any(family) || LIBRARY_NAMES.contains(name.to_ascii_lowercase().as_slice())
}
