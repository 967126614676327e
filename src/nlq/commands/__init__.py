"""Commands: orders to change records, read as proposals: typed changes and the words that name the records."""

from nlq.commands.outcome import refusal_of
from nlq.commands.reading import UNSUPPORTED, WHICH, Command, CommandReader, finish
from nlq.commands.sentence import command_sentence

__all__ = ["UNSUPPORTED", "WHICH", "Command", "CommandReader", "command_sentence", "finish", "refusal_of"]
