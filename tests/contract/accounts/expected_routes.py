"""Every route and method in production, with who is answered. A new route without a row fails a test."""

# Who is answered, from the one that may do least: everybody, a person with a role, or any person ("own").
EXPECTED = """
everybody GET /
everybody POST /
own GET /account
own POST /account/keys
own POST /account/keys/<uuid:key_id>/revoke
own POST /account/keys/revoke
own GET /account/data
own GET /account/delete
own POST /account/delete
own POST /account/password
everybody GET /account/password/<string(maxlength=100):token>
everybody POST /account/password/<string(maxlength=100):token>
own POST /account/recovery-codes
own POST /account/second-factor
own POST /account/second-factor/confirm
own POST /account/second-factor/remove
own POST /account/sessions/end
everybody GET /accuracy
everybody GET /analytics
everybody GET /analytics.csv
admin GET /audit
admin GET /audit.csv
everybody GET /api/v1/accuracy
everybody GET /api/v1/analytics
everybody POST /api/v1/auth/refresh
everybody POST /api/v1/auth/revoke
everybody POST /api/v1/auth/token
admin GET /api/v1/analytics/operations
admin GET /api/v1/audit
everybody POST /api/v1/comparisons/conditions
everybody GET /api/v1/comparisons/models
everybody POST /api/v1/comparisons/species
viewer GET /api/v1/jobs
everybody GET /api/v1/jobs/<slug:job_id>
editor POST /api/v1/jobs/<slug:job_id>/cancel
everybody GET /api/v1/jobs/<slug:job_id>/log
everybody GET /api/v1/maps
editor POST /api/v1/maps
editor DELETE /api/v1/maps/<uuid:map_id>
everybody GET /api/v1/maps/<uuid:map_id>
everybody GET /api/v1/maps/<uuid:map_id>.geojson
everybody GET /api/v1/maps/<uuid:map_id>.png
everybody GET /api/v1/maps/<uuid:map_id>.tif
everybody GET /api/v1/maps/<uuid:map_id>/item
everybody GET /api/v1/maps/<uuid:map_id>/tiles/<int:z>/<int:x>/<int:y>.png
everybody GET /api/v1/models
everybody GET /api/v1/models/<slug:model_id>
everybody GET /api/v1/models/<slug:model_id>/accuracy
admin POST /api/v1/models/<slug:model_id>/activate
everybody GET /api/v1/models/<slug:model_id>/odmap
editor GET /api/v1/observations
viewer POST /api/v1/observations
editor PATCH /api/v1/observations/<uuid:observation_id>
viewer DELETE /api/v1/observations/<uuid:observation_id>
viewer GET /api/v1/observations/mine
everybody GET /api/v1/predictions
everybody POST /api/v1/predictions
everybody GET /api/v1/predictions/<prediction:prediction_id>
everybody GET /api/v1/predictions/<slug:prediction_id>/explanation
everybody POST /api/v1/predictions/batch
everybody GET /api/v1/species
everybody GET /api/v1/species/<slug:slug>
everybody GET /api/v1/species/<slug:slug>/response-curves
everybody GET /api/v1/stac
everybody GET /api/v1/studies
editor POST /api/v1/studies
editor DELETE /api/v1/studies/<slug:slug>
everybody GET /api/v1/studies/<slug:slug>
editor PATCH /api/v1/studies/<slug:slug>
viewer GET /api/v1/studies/<slug:slug>/files
editor POST /api/v1/studies/<slug:slug>/files
editor DELETE /api/v1/studies/<slug:slug>/files/<path:name>
editor PUT /api/v1/studies/<slug:slug>/files/<path:name>
editor POST /api/v1/studies/<slug:slug>/gbif
viewer GET /api/v1/studies/<slug:slug>/layers
editor PATCH /api/v1/studies/<slug:slug>/layers
editor POST /api/v1/studies/<slug:slug>/owner
editor GET /api/v1/studies/<slug:slug>/people
editor PUT /api/v1/studies/<slug:slug>/people
editor DELETE /api/v1/studies/<slug:slug>/people/<slug:person_id>
viewer GET /api/v1/studies/<slug:slug>/preflight
viewer GET /api/v1/studies/<slug:slug>/records
editor PATCH /api/v1/studies/<slug:slug>/records
viewer GET /api/v1/studies/<slug:slug>/records.csv
viewer GET /api/v1/studies/<slug:slug>/records/places
viewer GET /studies/<slug:slug>/records/places
viewer GET /api/v1/studies/<slug:slug>/observations/places
viewer GET /studies/<slug:slug>/observations/places
viewer GET /api/v1/studies/<slug:slug>/records/observations
editor PUT /api/v1/studies/<slug:slug>/records/observations
editor DELETE /api/v1/studies/<slug:slug>/records/observations
editor POST /studies/<slug:slug>/records/observations
editor POST /studies/<slug:slug>/learning
viewer GET /api/v1/studies/<slug:slug>/learning
editor PUT /api/v1/studies/<slug:slug>/learning
admin POST /api/v1/studies/<slug:slug>/rollback
viewer GET /api/v1/studies/<slug:slug>/rollout
admin PATCH /api/v1/studies/<slug:slug>/rollout
admin POST /api/v1/studies/<slug:slug>/rollout
admin POST /api/v1/studies/<slug:slug>/rollout/promote
admin POST /api/v1/studies/<slug:slug>/rollout/stop
viewer GET /api/v1/studies/<slug:slug>/scenarios
viewer GET /api/v1/studies/<slug:slug>/sensitive-species
editor PUT /api/v1/studies/<slug:slug>/sensitive-species
editor DELETE /api/v1/studies/<slug:slug>/sensitive-species/<slug:mark_id>
editor POST /api/v1/studies/<slug:slug>/trainings
viewer GET /api/v1/studies/<slug:slug>/versions
everybody GET /batch
everybody POST /batch
viewer GET /batch/<slug:batch_id>
viewer GET /batch/<slug:batch_id>/answers.csv
everybody POST /batch/answers.csv
everybody GET /batch/template.csv
everybody GET /compare
everybody GET /compare/conditions
everybody GET /compare/conditions.csv
everybody GET /compare/models
everybody GET /compare/models.csv
everybody GET /compare/species
everybody GET /compare/species.csv
everybody GET /docs
everybody GET /docs/assets/<path:name>
everybody GET /health/live
everybody GET /health/ready
everybody GET /jobs/<slug:job_id>
editor POST /jobs/<slug:job_id>/cancel
everybody GET /login
everybody POST /login
everybody GET /login/code
everybody POST /login/code
everybody GET /login/forgotten
everybody POST /login/forgotten
everybody POST /logout
everybody GET /map
editor POST /map
everybody GET /map/coasts/<int:column>-<int:row>.json
everybody GET /map/land.json
everybody GET /maps/<uuid:map_id>
editor POST /maps/<uuid:map_id>/delete
everybody GET /maps/<uuid:map_id>/records.json
everybody GET /metrics
everybody GET /models
everybody GET /models.csv
everybody GET /models/<slug:model_id>
admin POST /models/<slug:model_id>/activate
everybody GET /models/<slug:model_id>/odmap.md
everybody GET /models/<slug:model_id>/recipe.json
everybody GET /openapi.json
viewer GET /predictions
admin GET /plans
admin POST /plans/<slug:name>
admin GET /people
admin POST /people
admin POST /people/<uuid:user_id>
admin POST /people/<uuid:user_id>/link
admin GET /api/v1/users
admin POST /api/v1/users
admin PATCH /api/v1/users/<uuid:user_id>
admin POST /api/v1/users/<uuid:user_id>/link
editor GET /observations
viewer POST /observations
viewer GET /observations/mine
viewer POST /observations/mine/withdraw
editor POST /observations/decide
everybody GET /predictions/<slug:prediction_id>
everybody GET /predictions/<slug:prediction_id>/explanation
everybody GET /predictions/<slug:prediction_id>/statement
everybody GET /privacy
everybody GET /species
everybody GET /species.csv
everybody GET /species/<slug:slug>
everybody GET /species/<slug:slug>/response-curves
everybody GET /static/<path:filename>
everybody GET /studies
viewer GET /studies/<slug:slug>
editor POST /studies/<slug:slug>/delete
editor POST /studies/<slug:slug>/files
editor PUT /studies/<slug:slug>/files/<path:name>
editor POST /studies/<slug:slug>/files/delete
editor POST /studies/<slug:slug>/files/inspect
editor POST /studies/<slug:slug>/gbif
viewer GET /studies/<slug:slug>/layers
editor POST /studies/<slug:slug>/layers
viewer GET /studies/<slug:slug>/layers/<file>/<band>.png
editor POST /studies/<slug:slug>/owner
editor POST /studies/<slug:slug>/people
editor POST /studies/<slug:slug>/people/remove
viewer GET /studies/<slug:slug>/recipe.json
viewer GET /studies/<slug:slug>/records
editor POST /studies/<slug:slug>/records
editor POST /studies/<slug:slug>/reset
admin POST /studies/<slug:slug>/rollback
editor POST /studies/<slug:slug>/sensitive-species
editor POST /studies/<slug:slug>/sensitive-species/remove
editor POST /studies/<slug:slug>/sharing
viewer GET /studies/<slug:slug>/rollout
admin POST /studies/<slug:slug>/rollout
admin POST /studies/<slug:slug>/rollout/change
admin POST /studies/<slug:slug>/rollout/promote
admin POST /studies/<slug:slug>/rollout/stop
editor GET /studies/<slug:slug>/start
editor POST /studies/<slug:slug>/start
editor POST /studies/<slug:slug>/title
viewer GET /studies/<slug:slug>/versions
editor GET /studies/new
editor POST /studies/new
"""

# Rows for which a key needs the scope to predict. The others need that of their role, and changes at least write.
PREDICTING = """
POST /
POST /api/v1/comparisons/conditions
POST /api/v1/comparisons/species
POST /api/v1/predictions
POST /api/v1/predictions/batch
POST /batch
POST /batch/answers.csv
GET /compare/conditions
GET /compare/conditions.csv
GET /compare/species
GET /compare/species.csv
"""

# Rows that no key and no token may use, although everybody may: they are about a session.
BROWSERS = """
GET /login
POST /login
GET /login/code
POST /login/code
GET /login/forgotten
POST /login/forgotten
POST /logout
GET /account/password/<string(maxlength=100):token>
POST /account/password/<string(maxlength=100):token>
"""

# Rows of everybody that change something, and bring credentials of their own.
WITHOUT_SCOPE = """
POST /api/v1/auth/refresh
POST /api/v1/auth/revoke
POST /api/v1/auth/token
"""

# Rows of everybody that list what is one's own.
OWN_LISTS = """
GET /api/v1/predictions
"""
