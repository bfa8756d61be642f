"""The suite; the type checker is named on pytest's command line, so it must be here."""

from tests import typecheck as typecheck
