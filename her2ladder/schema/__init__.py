"""What the store holds: table contracts, vocabularies, label maps, the feature dictionary, and the store itself."""
