"""What a game's losses are set to, in a form that can be compared."""

import functools
import inspect


def settings(value):
    """A function and all its arguments that are settings; other values as they are."""
    if not isinstance(value, functools.partial):
        return value
    defaults = {
        name: parameter.default
        for name, parameter in inspect.signature(value.func).parameters.items()
        if parameter.default is not inspect.Parameter.empty
    }
    given = {name: settings(each) for name, each in value.keywords.items()}
    return value.func, {**defaults, **given}


def losses(game):
    """The players and the loss of each objective."""
    return {n: (o.players, settings(o.loss)) for n, o in game.objectives.items()}
