"""Places of the records of studies.

Revision ID: 0015
Revises: 0014
Create Date: 2026-11-29
"""
from alembic import op
import sqlalchemy as sa


revision = '0015'
down_revision = '0014'
branch_labels = None
depends_on = None


def upgrade():
    op.create_table('record_place_sets',
    sa.Column('study_id', sa.Integer(), nullable=False),
    sa.Column('source', sa.String(length=64), nullable=False),
    sa.Column('places', sa.Integer(), nullable=False),
    sa.Column('left_out', sa.Integer(), nullable=False),
    sa.Column('made_at', sa.DateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['study_id'], ['studies.id'], name=op.f('fk_record_place_sets_study_id_studies'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('study_id', name=op.f('pk_record_place_sets'))
    )
    op.create_table('record_places',
    sa.Column('study_id', sa.Integer(), nullable=False),
    sa.Column('position', sa.Integer(), autoincrement=False, nullable=False),
    sa.Column('species', sa.String(length=200), nullable=False),
    sa.Column('latitude', sa.Float(), nullable=False),
    sa.Column('longitude', sa.Float(), nullable=False),
    sa.Column('band', sa.SmallInteger(), nullable=False),
    sa.Column('records', sa.Integer(), nullable=False),
    sa.Column('year', sa.SmallInteger(), nullable=True),
    sa.ForeignKeyConstraint(['study_id'], ['studies.id'], name=op.f('fk_record_places_study_id_studies'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('study_id', 'position', name=op.f('pk_record_places'))
    )
    with op.batch_alter_table('record_places', schema=None) as batch_op:
        batch_op.create_index('ix_record_places_study_id_band_longitude', ['study_id', 'band', 'longitude'], unique=False)
    bind = op.get_bind()
    if bind.dialect.name == 'postgresql':
        # app/geography/index.py uses this index where it exists
        if bind.scalar(sa.text("SELECT count(*) FROM pg_extension WHERE extname = 'postgis'")):
            op.execute(
                "CREATE INDEX ix_record_places_point ON record_places "
                "USING gist (ST_SetSRID(ST_MakePoint(longitude, latitude), 4326))"
            )


def downgrade():
    op.drop_table('record_places')
    op.drop_table('record_place_sets')
