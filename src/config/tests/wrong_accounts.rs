//! Invalid accounts and their messages.

/// A setting added to the account `dms-prod`, and its only message.
pub(super) const DMS: &[(&str, &str)] = &[
    (
        "rate_limit = \"10\"",
        "rate_limit (a.toml): \"10\" is not a rate; write it like \"10/s\" or \"100/m\"",
    ),
    ("rate_limit = \"0/s\"", "rate_limit (a.toml): must allow at least one request"),
    (
        "rate_limit_shared = true",
        "rate_limit_shared (a.toml): needs a rate_limit to share; set one",
    ),
    (
        "rate_limit = \"5/s\"\nrate_limit_shared = true",
        "rate_limit_shared (a.toml): needs a ledger that replicas share: \
         ledger.url = \"postgres://...\"",
    ),
    ("max_concurrent = 0", "max_concurrent (a.toml): is 0; must be from 1 to 1000"),
    ("marker = \"yes\"", "marker (a.toml): must be true or false, not text"),
    ("project_id = \"p\"", "project_id (a.toml): is for accounts with provider = \"huawei\" only"),
    ("iam = { user = \"u\" }", "iam (a.toml): is for accounts with provider = \"huawei\" only"),
    (
        "endpoints.dms = \"http://10.0.0.1\"",
        "endpoints.dms (a.toml): must be https; plain http is for 127.0.0.1, [::1] and localhost only",
    ),
    (
        "endpoints.dms = \"http://localhost.example\"",
        "endpoints.dms (a.toml): must be https; plain http is for 127.0.0.1, [::1] and localhost only",
    ),
    ("endpoints.dms = \"ftp://127.0.0.1\"", "endpoints.dms (a.toml): must begin with https://"),
    (
        "endpoints.dms = \"https://u:p@h\"",
        "endpoints.dms (a.toml): must not have a user or password in it; use access_key_id and so on",
    ),
    (
        "endpoints.dms = \"https://h?a=b\"",
        "endpoints.dms (a.toml): must not have a '?' or '#'; ticketd adds the query",
    ),
    (
        "endpoints.factory = \"https://h\"",
        "endpoints.factory (a.toml): is not a service of provider = \"alibaba\"",
    ),
    (
        "security_token = \"t0ken\"",
        "security_token (a.toml): a secret must not be written here; write it as { env = \"NAME\" } or { file = \"PATH\" }",
    ),
    (
        "security_token = { env = \"NOT_SET\" }",
        "security_token (a.toml): needs the environment variable NOT_SET, which is not set; export it",
    ),
    (
        "security_token = { file = \"/no/t\" }",
        "security_token (a.toml): needs the file \"/no/t\", which can't be read: No such file or directory (os error 2)",
    ),
    (
        "security_token = { env = \"ID\", file = \"x\" }",
        "security_token (a.toml): has both env and file; choose one: write it as { env = \"NAME\" } or { file = \"PATH\" }",
    ),
    (
        "security_token = { value = \"t0ken\" }",
        "security_token (a.toml): has the unknown key \"value\"; write it as { env = \"NAME\" } or { file = \"PATH\" }",
    ),
    (
        "security_token = {}",
        "security_token (a.toml): is an empty table; write it as { env = \"NAME\" } or { file = \"PATH\" }",
    ),
    (
        "security_token = 7",
        "security_token (a.toml): is not a secret; write it as { env = \"NAME\" } or { file = \"PATH\" }",
    ),
    (
        "acces_key = 7",
        "acces_key (a.toml): is not a setting; did you mean accounts.dms-prod.access_key_id?",
    ),
];

/// Complete files, and their only message.
pub(super) const WHOLE_ACCOUNTS: &[(&str, &str)] = &[
    ("[accounts.a]\nregion = \"r\"", "accounts.a.provider (a.toml): is missing"),
    (
        "[accounts.a]\nprovider = \"azure\"",
        "accounts.a.provider (a.toml): \"azure\" is not one of \"alibaba\", \"huawei\"",
    ),
    (
        "[accounts.a]\nprovider = \"huawei\"\nregion = \"cn-north-4\"\nproject_id = \"p\"",
        "accounts.a (a.toml): needs credentials: access_key_id and access_key_secret, or iam",
    ),
    (
        "[accounts.a]\nprovider = \"huawei\"\nregion = \"cn-north-4\"\n\
         access_key_id = { env = \"ID\" }\naccess_key_secret = { env = \"ID\" }",
        "accounts.a.project_id (a.toml): is missing",
    ),
    (
        "[accounts.a]\nprovider = \"alibaba\"\nregion = \"cn-hangzhou\"\n\
         access_key_id = { env = \"ID\" }",
        "accounts.a.access_key_secret (a.toml): is missing",
    ),
    (
        "[accounts.a]\nprovider = \"alibaba\"\nregion = \"CN Hangzhou\"\n\
         access_key_id = { env = \"ID\" }\naccess_key_secret = { env = \"ID\" }",
        "accounts.a.region (a.toml): \"CN Hangzhou\" is not a region id; \
         write it like \"cn-hangzhou\"",
    ),
    (
        "[accounts.a]\nprovider = \"huawei\"\nregion = \"cn-north-4\"\nproject_id = \"p\"\n\
         access_key_id = { env = \"ID\" }\naccess_key_secret = { env = \"ID\" }\n\
         iam = { user = \"u\", domain = \"d\", password = { env = \"ID\" } }",
        "accounts.a.iam (a.toml): is set together with an access key pair; remove one of them",
    ),
    (
        "[accounts.\"a b\"]\nprovider = \"alibaba\"\nregion = \"cn-hangzhou\"\n\
         access_key_id = { env = \"ID\" }\naccess_key_secret = { env = \"ID\" }",
        "accounts.\"a b\" (a.toml): an account's name is 1 to 64 characters of A-Za-z0-9._-",
    ),
];
