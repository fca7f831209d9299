"""Observations.

Revision ID: 0010
Revises: 0009
Create Date: 2026-11-29
"""
from alembic import op
import sqlalchemy as sa


revision = '0010'
down_revision = '0009'
branch_labels = None
depends_on = None


def upgrade():
    op.create_table('observations',
    sa.Column('id', sa.String(length=36), nullable=False),
    sa.Column('same_key', sa.String(length=64), nullable=False),
    sa.Column('species_id', sa.Integer(), nullable=False),
    sa.Column('model_id', sa.String(length=150), nullable=False),
    sa.Column('prediction_id', sa.String(length=36), nullable=True),
    sa.Column('present', sa.Boolean(), nullable=False),
    sa.Column('observed_on', sa.Date(), nullable=False),
    sa.Column('latitude', sa.Float(), nullable=True),
    sa.Column('longitude', sa.Float(), nullable=True),
    sa.Column('band', sa.SmallInteger(), nullable=True),
    sa.Column('environment', sa.JSON(), nullable=False),
    sa.Column('suitability', sa.Float(), nullable=False),
    sa.Column('low', sa.Float(), nullable=False),
    sa.Column('high', sa.Float(), nullable=False),
    sa.Column('inside', sa.Boolean(), nullable=False),
    sa.Column('minutes', sa.Integer(), nullable=True),
    sa.Column('people', sa.Integer(), nullable=True),
    sa.Column('photo', sa.String(length=500), nullable=True),
    sa.Column('note', sa.Text(), nullable=False),
    sa.Column('observer_id', sa.String(length=36), nullable=True),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('state', sa.String(length=10), nullable=False),
    sa.Column('reason', sa.String(length=300), nullable=False),
    sa.Column('moderator_id', sa.String(length=36), nullable=True),
    sa.Column('moderated_at', sa.DateTime(timezone=True), nullable=True),
    sa.CheckConstraint("state IN ('pending', 'accepted', 'refused')", name=op.f('ck_observations_state')),
    sa.ForeignKeyConstraint(['model_id'], ['model_versions.id'], name=op.f('fk_observations_model_id_model_versions'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['moderator_id'], ['users.id'], name=op.f('fk_observations_moderator_id_users'), ondelete='SET NULL'),
    sa.ForeignKeyConstraint(['observer_id'], ['users.id'], name=op.f('fk_observations_observer_id_users'), ondelete='SET NULL'),
    sa.ForeignKeyConstraint(['species_id'], ['species.id'], name=op.f('fk_observations_species_id_species'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_observations')),
    sa.UniqueConstraint('same_key', name=op.f('uq_observations_same_key'))
    )
    with op.batch_alter_table('observations', schema=None) as batch_op:
        batch_op.create_index('ix_observations_band_longitude', ['band', 'longitude'], unique=False)
        batch_op.create_index('ix_observations_model_id_state', ['model_id', 'state'], unique=False)
        batch_op.create_index('ix_observations_state_id', ['state', 'id'], unique=False)
        batch_op.create_index(batch_op.f('ix_observations_observer_id'), ['observer_id'], unique=False)
        batch_op.create_index(batch_op.f('ix_observations_species_id'), ['species_id'], unique=False)
    bind = op.get_bind()
    if bind.dialect.name == 'postgresql':
        # app/geography/index.py uses this index where it exists
        if bind.scalar(sa.text("SELECT count(*) FROM pg_extension WHERE extname = 'postgis'")):
            op.execute(
                "CREATE INDEX ix_observations_point ON observations "
                "USING gist (ST_SetSRID(ST_MakePoint(longitude, latitude), 4326))"
            )


def downgrade():
    op.drop_table('observations')
