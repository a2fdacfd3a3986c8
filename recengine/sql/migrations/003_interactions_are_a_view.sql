-- features.interactions is a view from now on; the features stage makes it.
DROP TABLE IF EXISTS features.interactions;
