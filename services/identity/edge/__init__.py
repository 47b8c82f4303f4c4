"""The wire of identity: how what is asked is checked, and how what is known is told (`messages`)."""
