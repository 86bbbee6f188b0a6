// What pages of a project do by themselves. All of it also works without.
"use strict";
