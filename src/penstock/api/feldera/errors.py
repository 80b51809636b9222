"""Every error this dialect can answer with: code, status, body. The one place where codes meet statuses.

Source: Feldera's open API document 0.337 and its client 0.369.
"""

from collections.abc import Awaitable, Callable
from functools import wraps
from typing import Any, Final, NoReturn

from penstock.api.shared.call import Call
from penstock.api.shared.dialect import Reply
from penstock.api.shared.errors import NoRoute, TooLarge, WrongVerb
from penstock.kernel.errors import (
    AlreadyExists,
    Conflict,
    Denied,
    Exhausted,
    Internal,
    Invalid,
    NotFound,
    PenstockError,
    TimedOut,
    Unavailable,
    Unsupported,
    WrongState,
)
from penstock.services.circuits.process import RequestFailed
from penstock.services.circuits.service import NotDeployed
from penstock.services.identity import (
    AmbiguousClaims,
    AmbiguousMembership,
    InvalidToken,
    IssuerUnreachable,
    NoMembership,
    NotAMember,
    NotTrusted,
    Unauthenticated,
    UnauthorizedToken,
    UnknownTenant,
)

__all__ = ["STATUS", "TABLE", "Refusal", "error_body", "refusal", "refuse", "reply_to", "translating", "wrong_setting"]

_CODES: Final[dict[int, str]] = {
    400: """
        EmptyName TooLongName NameDoesNotMatchPattern InvalidTag TooManyTags TooLongDescription
        CannotRenameNonExistingPipeline InvalidRuntimeConfig InvalidProgramConfig InvalidRuntimeVersion
        UpdateRestrictedToStopped EditRestrictedToClearedStorage DeleteRestrictedToFullyStopped
        DeleteRestrictedToClearedStorage IllegalPipelineAction StorageStatusImmutableUnlessStopped
        InvalidStorageStatusTransition PauseWhileNotProvisioned ResumeWhileNotProvisioned
        CannotStartWithUndismissedError CannotStartWhileClearingStorage CannotStartWithCompilationError
        StartFailedDueToFailedCompilation DismissErrorRestrictedToFullyStopped InitialImmutableUnlessStopped
        BootstrapPolicyImmutableUnlessStopped InitialStandbyNotAllowed InvalidBootstrapConfig InvalidConnectorAction
        InvalidUuidParam InvalidNameParam InvalidSupportBundleParameter InvalidNewProgramSql BootstrapNotAllowed
        EmptyOidcTrustField InvalidOidcIssuerUrl AmbiguousOidcTenant AmbiguousTenantMembership
        MissingUrlEncodedParam InvalidParam ParseErrors AdHocQueryError HeapProfilerError InvalidActivateStatus
        InvalidTransition IncarnationUuidMismatch NoTransactionInProgress NotSupported
        UnknownInputFormat UnknownOutputFormat ParserConfigParseError EncoderConfigParseError InvalidParserConfig
        InvalidTransportConfig CyclicDependency EmptyStartAfter FtRequiresStorage FtWithNonFtInput
        InvalidOutputBufferConfig InvalidSoftDeleteConfig DatafusionMemoryExceedsBudget
    """,
    401: "InvalidApiKey InvalidOidcToken UnauthorizedOidcToken",
    403: """
        InsufficientPermissions RoleExceedsCreator OwnerAdminNotMintableAsApiKey OwnerRoleNotAssignable
        NotATenantMember OidcTenantNotTrusted NoTenantMemberships
    """,
    404: """
        UnknownPipelineName UnknownPipeline UnknownApiKey UnknownTenant UnknownTenantName UnknownUser UnknownOidcTrust
        UnknownPipelineMonitorEvent UnknownClusterMonitorEvent NoPipelineMonitorEventsAvailable
        NoClusterMonitorEventsAvailable ProgramNotCompiled ProgramInfoMissesDataflow UnknownInputStream
        UnknownOutputStream UnknownInputEndpoint UnknownOutputEndpoint
    """,
    405: "UnsupportedPipelineAction",
    409: """
        DuplicateName OutdatedPipelineVersion OutdatedProgramVersion TenantNotEmpty TransactionInProgress
        BootstrapRejected
    """,
    410: "Terminating PipelineRestarted UnknownEndpointInCompletionToken CircuitEnded",
    429: "ApiConnectionLimit",
    500: "InitializationError CompilerCrashed CompilerOutOfMemory InternalError",
    501: "EnterpriseFeature NotImplemented",
    503: """
        PipelineInteractionNotDeployed PipelineUnavailable PipelineInteractionUnreachable RunnerInteractionUnreachable
        CompilerUnavailable LockTookTooLong DeadlockDetected Initializing AwaitingApproval Suspended RestoreInProgress
        BootstrapInProgress EngineUnavailable EngineClosed OidcIssuerUnreachable
    """,
    504: "CompilerTimeout CompilerTimedOut",
}

_ANCESTORS: Final[dict[int, type[PenstockError]]] = {
    400: Invalid,
    401: Denied,
    403: Denied,
    404: NotFound,
    405: Unsupported,
    409: Conflict,
    410: WrongState,
    429: Exhausted,
    500: Internal,
    501: Unsupported,
    503: Unavailable,
    504: TimedOut,
}

_HEADERS: Final = {401: {"WWW-Authenticate": "Bearer"}, 503: {"Retry-After": "5"}}


class Refusal(PenstockError):
    """An error with one of this dialect's codes; each code has a class of its own, made from the table above."""

    details: Any = None


STATUS: Final[dict[str, int]] = {code: status for status, codes in _CODES.items() for code in codes.split()}
"""HTTP status of each code."""

_REFUSALS: Final[dict[str, type[Refusal]]] = {
    code: type(code, (Refusal, _ANCESTORS[status]), {}) for code, status in STATUS.items()
}


def _reply(status: int, code: str) -> Reply:
    return Reply(status, code, _HEADERS.get(status, {}))


TABLE: Final[dict[type[PenstockError], Reply]] = {
    **{refusal: _reply(STATUS[code], code) for code, refusal in _REFUSALS.items()},
    NoRoute: _reply(404, "UnknownRoute"),
    WrongVerb: _reply(405, "MethodNotAllowed"),
    TooLarge: _reply(413, "RequestTooLarge"),
    Unauthenticated: _reply(401, "InvalidApiKey"),
    InvalidToken: _reply(401, "InvalidOidcToken"),
    UnauthorizedToken: _reply(401, "UnauthorizedOidcToken"),
    NotAMember: _reply(403, "NotATenantMember"),
    NoMembership: _reply(403, "NoTenantMemberships"),
    NotTrusted: _reply(403, "OidcTenantNotTrusted"),
    AmbiguousClaims: _reply(400, "AmbiguousOidcTenant"),
    AmbiguousMembership: _reply(400, "AmbiguousTenantMembership"),
    IssuerUnreachable: _reply(503, "OidcIssuerUnreachable"),
    UnknownTenant: _reply(404, "UnknownTenant"),
    NotDeployed: _reply(503, "PipelineInteractionNotDeployed"),
    NotFound: _reply(404, "UnknownPipelineName"),
    AlreadyExists: _reply(409, "DuplicateName"),
    Invalid: _reply(400, "InvalidParam"),
    Conflict: _reply(409, "OutdatedPipelineVersion"),
    WrongState: _reply(400, "IllegalPipelineAction"),
    Unsupported: _reply(501, "NotImplemented"),
    Denied: _reply(403, "InsufficientPermissions"),
    Exhausted: _reply(429, "ApiConnectionLimit"),
    Unavailable: _reply(503, "PipelineUnavailable"),
    TimedOut: _reply(504, "CompilerTimeout"),
    Internal: _reply(500, "InternalError"),
}
"""How each error is answered; looked up along its class's ancestors."""


def reply_to(error: PenstockError) -> Reply:
    """Return how an error is answered, where it does not go through the dialect's declaration."""
    return next(TABLE[kind] for kind in type(error).__mro__ if kind in TABLE)


def error_body(error: PenstockError, reply: Reply) -> dict[str, Any]:
    """Build the body of a 4xx or 5xx reply."""
    if isinstance(error, Refusal):
        details = error.details
    else:
        details = {name: value for name, value in (("at", error.at), ("hint", error.hint)) if value}
    return {"message": error.message, "error_code": reply.code, "details": details}


def refusal(code: str, message: str, details: Any = None) -> Refusal:
    """Make the error of that code; a code that is not in the table is a 400, said in the message."""
    kind = _REFUSALS.get(code)
    if kind is None:
        kind, message = _REFUSALS["InvalidParam"], f"{code}: {message}"
    error = kind(message)
    error.details = {} if details is None else details
    return error


def refuse(code: str, message: str, details: Any = None) -> NoReturn:
    """Raise the error of that code."""
    raise refusal(code, message, details)


def wrong_setting(path: str, value: Any, wanted: str) -> NoReturn:
    """Refuse a setting of the runtime configuration. value: as it may be shown."""
    refuse(
        "InvalidRuntimeConfig",
        f"error deserializing runtime configuration: {path} is {value!r}; it must be {wanted}",
        {"error": f"{path} must be {wanted}", "value": value},
    )


def translating(handler: Callable[..., Awaitable[object]]) -> Callable[..., Awaitable[object]]:
    """Wrap a handler so that what a circuit refuses is answered with the code it gave."""

    @wraps(handler)
    async def translated(call: Call, *body: object) -> object:
        try:
            return await handler(call, *body)
        except RequestFailed as error:
            raise refusal(error.code, error.message, error.details) from error

    return translated
