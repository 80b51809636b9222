from tests.conformance.ubiops.cases.resources import *
