from tests.conformance.ubiops.cases.access import *  # noqa: F403
