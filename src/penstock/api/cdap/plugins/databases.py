"""Database sources, sinks and actions: one by connection string, and one of each flavour by host and name."""

from __future__ import annotations

from penstock.api.cdap.plugins.plugin import Does, Plugin, Property, Role, flag, number, optional, required

__all__ = ["PLUGINS"]

_REFERENCE = required("referenceName", "Name by which lineage knows it.", macro=False)
_LOGIN = (
    optional("user", "Who connects."),
    Property("password", "password", description="The password."),
    optional("connectionArguments", "Further arguments, as name=value;…"),
    optional("transactionIsolationLevel"),
    flag("enableAutoCommit"),
)
_BY_STRING = (
    required("jdbcPluginName", "The driver.", macro=False),
    optional("jdbcPluginType", macro=False),
    required("connectionString", "Where the database is."),
    *_LOGIN,
)
_BY_HOST = (
    optional("jdbcPluginName", macro=False),
    optional("host", "Host of the database.", default="localhost"),
    number("port", "Port of the database."),
    required("database", "Name of the database."),
    optional("connectionName"),
    optional("instanceType"),
    flag("useConnection"),
    optional("connection"),
    *_LOGIN,
)
_SOURCE = (
    required("importQuery", "What is read."),
    optional("boundingQuery"),
    optional("splitBy"),
    number("numSplits", default="1"),
    number("fetchSize", default="1000"),
    optional("columnNameCase"),
    optional("patternToReplace"),
    optional("replaceWith"),
    optional("schema"),
)
_SINK = (
    required("tableName", "Table that is written."),
    optional("dbSchemaName"),
    optional("columns"),
    optional("columnNameCase"),
    Property("operationName", default="insert", description="insert, update or upsert."),
    optional("relationTableKey", "Columns that are the key."),
    optional("schema"),
)
_ACTION = (required("query", "Statement to execute."), flag("rowAsArguments"))
_RUN_CONDITION = Property(
    "runCondition",
    default="success",
    description="completion, success or failure.",
    choices=("completion", "success", "failure"),
)
_ARGUMENTS = (
    required("tableName", "Table that holds the arguments."),
    required("argumentSelectionConditions", "Which row."),
    required("argumentsColumns", "Which columns."),
)


def _flavour(name: str, artifact: str, engine: str | None) -> tuple[Plugin, ...]:
    place = _BY_STRING if engine is None else _BY_HOST
    given = {} if engine is None else {"engine": engine}
    what = "a database" if engine is None else engine
    return (
        Plugin(
            name,
            "batchsource",
            artifact,
            Does(Role.SOURCE, "database", given),
            (_REFERENCE, *place, *_SOURCE),
            f"Reads {what}.",
        ),
        Plugin(
            name,
            "batchsink",
            artifact,
            Does(Role.SINK, "database", given),
            (_REFERENCE, *place, *_SINK),
            f"Writes {what}.",
        ),
        Plugin(
            name,
            "action",
            artifact,
            Does(Role.ACTION, "database.execute", given),
            (*place, *_ACTION),
            "Executes a statement.",
        ),
        Plugin(
            name,
            "postaction",
            artifact,
            Does(Role.AFTER, "database.execute", given),
            (*place, *_ACTION, _RUN_CONDITION),
        ),
    )


PLUGINS = (
    *_flavour("Database", "database-plugins", None),
    *_flavour("Postgres", "postgresql-plugin", "postgresql"),
    *_flavour("Mysql", "mysql-plugin", "mysql"),
    *_flavour("MariaDB", "mariadb-plugin", "mariadb"),
    *_flavour("CloudSQLPostgreSQL", "cloudsql-postgresql-plugin", "postgresql"),
    *_flavour("CloudSQLMySQL", "cloudsql-mysql-plugin", "mysql"),
    Plugin(
        "DatabaseQuery",
        "postaction",
        "database-plugins",
        Does(Role.AFTER, "database.execute"),
        (*_BY_STRING, *_ACTION, _RUN_CONDITION),
    ),
    Plugin(
        "DatabaseArgumentSetter",
        "action",
        "database-plugins",
        Does(Role.ACTION, "database.arguments"),
        (*_BY_STRING, *_ARGUMENTS),
    ),
    Plugin(
        "PostgresArgumentSetter",
        "action",
        "postgresql-plugin",
        Does(Role.ACTION, "database.arguments", {"engine": "postgresql"}),
        (*_BY_HOST, *_ARGUMENTS),
    ),
    Plugin(
        "MysqlArgumentSetter",
        "action",
        "mysql-plugin",
        Does(Role.ACTION, "database.arguments", {"engine": "mysql"}),
        (*_BY_HOST, *_ARGUMENTS),
    ),
)
