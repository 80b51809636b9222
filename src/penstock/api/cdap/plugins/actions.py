"""Actions, conditions, and actions after the run."""

from __future__ import annotations

from penstock.api.cdap.plugins.plugin import Does, Plugin, Property, Role, flag, number, optional, required, text

__all__ = ["PLUGINS"]

_REQUEST = (
    required("url", "Where the request goes."),
    optional("method", "GET, PUT, POST or DELETE.", default="GET"),
    optional("body", "What is sent."),
    optional("requestHeaders", "Headers, one on each line."),
    number("connectTimeout", "Milliseconds to connect.", default="60000"),
    number("readTimeout", "Milliseconds to wait for an answer.", default="60000"),
    number("numRetries", "Repetitions.", default="0"),
    flag("followRedirects", "Whether redirects are followed.", default="true"),
)
_RUN_CONDITION = Property(
    "runCondition",
    default="completion",
    description="completion, success or failure.",
    choices=("completion", "success", "failure"),
)
_CALLBACK = (
    required("url", "Where the request goes."),
    required("method", "GET, PUT, POST or DELETE."),
    optional("body", "What is sent."),
    optional("requestHeaders", "Headers, one on each line."),
    number("numRetries", "Repetitions.", default="0"),
    number("connectTimeoutMillis", "Milliseconds to connect.", default="60000"),
    number("readTimeoutMillis", "Milliseconds to wait for an answer.", default="60000"),
    flag("followRedirects", "Whether redirects are followed.", default="true"),
    flag("disableSSLValidation"),
    _RUN_CONDITION,
)
_CONTINUES = flag("continueOnError", "Whether errors are only logged.", default="false")
_CLOUD = (optional("project"), optional("serviceAccountType"), optional("serviceFilePath"), optional("location"))
_TRANSFER = (
    required("sourcePath", "What is taken."),
    required("destPath", "Where it goes."),
    flag("recursive"),
    flag("overwrite", default="false"),
    *_CLOUD,
)


def _action(name: str, artifact: str, type: str, *properties: Property, description: str = "") -> Plugin:
    return Plugin(name, "action", artifact, Does(Role.ACTION, type), properties, description)


def _after(name: str, artifact: str, type: str, *properties: Property, description: str = "") -> Plugin:
    return Plugin(name, "postaction", artifact, Does(Role.AFTER, type), properties, description)


PLUGINS = (
    _action("ArgumentSetter", "argument-setter-plugins", "request.arguments", *_REQUEST, description="Sets arguments."),
    _action(
        "FileMove",
        "core-plugins",
        "file.move",
        required("sourcePath", "What is moved."),
        required("destPath", "Where it goes."),
        optional("fileRegex", "Which files of a folder."),
        _CONTINUES,
        description="Moves files.",
    ),
    _action(
        "FileDelete",
        "core-plugins",
        "file.delete",
        required("path", "What is deleted."),
        optional("fileRegex", "Which files of a folder."),
        _CONTINUES,
        description="Deletes files.",
    ),
    _action("GCSMove", "google-cloud", "file.move", *_TRANSFER, description="Moves objects."),
    _action("GCSCopy", "google-cloud", "file.copy", *_TRANSFER, description="Copies objects."),
    _action("GCSBucketDelete", "google-cloud", "file.delete", required("paths", "What is deleted."), *_CLOUD),
    _action("GCSBucketCreate", "google-cloud", "file.make", required("paths", "What is made."), *_CLOUD),
    Plugin(
        "Conditional",
        "condition",
        "condition-plugins",
        Does(Role.CONDITION, "expression"),
        (text("expression", "What decides.", must=True, macro=True),),
        "Chooses a branch.",
    ),
    _after("HTTPCallback", "http-plugins", "request.call", *_CALLBACK, description="Sends a request after the run."),
    _after("GCSDoneFileMarker", "google-cloud", "file.mark", required("path"), _RUN_CONDITION, *_CLOUD),
    _after(
        "Email",
        "core-plugins",
        "mail.refuse",
        required("recipients"),
        required("sender"),
        optional("message"),
        required("subject"),
        optional("protocol"),
        optional("host"),
        optional("port"),
        optional("username"),
        Property("password", "password"),
        optional("includeWorkflowToken"),
        _RUN_CONDITION,
        description="Sends a mail; there is no mail server here, so the run's log says that none was sent.",
    ),
)
