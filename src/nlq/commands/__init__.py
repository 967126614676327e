"""Commands: orders to change records, read as proposals: typed changes and the words that name the records."""

from nlq.commands.reading import UNSUPPORTED, Command, CommandReader, finish
from nlq.commands.sentence import command_sentence

__all__ = ["UNSUPPORTED", "Command", "CommandReader", "command_sentence", "finish"]
