from tests.conformance.ubiops.cases.deployment_requests import *  # noqa: F403
